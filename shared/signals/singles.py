"""Single reports: which mentions open an item of the queue, and what the item is. Pure.

An item is made of words, drug and reaction, not of a post: whichever of several reposts comes first, the id is the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.events import Alert, Mention, derived_id
from shared.signals.rules import Rules


def criteria_of(mention: Mention, rules: Rules) -> tuple[str, ...]:
    """The criteria of the rules that a mention meets, in the rules' order. A designated event is also known by its concept."""
    met = {*mention.serious, *mention.situations}
    if mention.reaction.id in rules.designated_ids:
        met.add("designated_event")
    return _ordered(met, rules)


def words_of(mention: Mention) -> str:
    """What reposts share: the fingerprint of the post's words; for a post without one, the post's id."""
    return mention.fingerprint or mention.post_id


def item_id(mention: Mention) -> str:
    """The id of a mention's item, from words, drug and reaction."""
    return derived_id("single", words_of(mention), mention.drug.id, mention.reaction.id)


def item(mention: Mention, criteria: Iterable[str], rules: Rules) -> Alert:
    """The alert of a single report, in the urgent lane if any criterion is serious."""
    met, single = set(criteria), rules.single_report
    return Alert(
        terms=mention.terms,
        id=item_id(mention),
        kind="single_report",
        drug=mention.drug,
        reaction=mention.reaction,
        episode=mention.created_at,
        evaluated_at=mention.created_at,
        rules=_ordered(met, rules),
        rule_version=rules.stamp,
        examples=(mention.post_id,),
        overrides=rules.overrides,
        lane=single.serious.lane if met & set(single.serious.criteria) else single.situations.lane,
    )


def queue(mentions: Iterable[Mention], rules: Rules) -> list[Alert]:
    """The items that mentions open when they come in this order: of posts with the same words the first one's."""
    posts: dict[str, str] = {}
    met: dict[str, set[str]] = {}
    items: dict[str, Alert] = {}
    for mention in mentions:
        criteria, key = criteria_of(mention, rules), item_id(mention)
        if criteria and posts.setdefault(key, mention.post_id) == mention.post_id:
            met.setdefault(key, set()).update(criteria)
            items[key] = item(mention, met[key], rules)
    return list(items.values())


def _ordered(met: Iterable[str], rules: Rules) -> tuple[str, ...]:
    found, single = set(met), rules.single_report
    return tuple(name for name in single.serious.criteria + single.situations.criteria if name in found)

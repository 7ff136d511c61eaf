"""Rules of X: every name is found by one, none is too long, and only what differs is changed."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.networks.queries import pack, term, terms, watched
from services.ingest.networks.x.rules import Plan, Rule, plan
from shared.vocabulary.drugs import default_lexicon
from tests.networks.x import matches, tokens, tweet

SUFFIX = "(lang:en) -is:retweet"
names = st.lists(st.text("abcor -&'\"\\é7", min_size=1, max_size=24), max_size=60)
TERMS = [f"drug{number}" for number in range(400)]


def found(rule: str, name: str) -> bool:
    return matches(rule, tweet(1_700_000_000, f"so dizzy from {name}, really"))


@given(names, st.integers(100, 512))
def test_every_name_is_found_by_a_rule_that_is_not_too_long(listed: list[str], length: int) -> None:
    made, hopeless = terms(listed)
    rules, left_out = pack(made, SUFFIX, length)
    assert left_out == []
    assert all(len(rule) <= length for rule in rules)
    for name in listed:
        if name in hopeless:
            assert not any(letter.isalnum() for letter in name)
        elif tokens(name):
            assert any(found(rule, name) for rule in rules), name


@given(names)
def test_the_rules_of_a_list_stay_as_they_are_when_they_are_planned_again(listed: list[str]) -> None:
    made, _ = terms(listed)
    first = plan([], made, SUFFIX, 160, 1000)
    existing = [Rule(str(number), value, True) for number, value in enumerate(first.add)]
    again = plan(existing, made, SUFFIX, 160, 1000)
    assert (again.add, again.delete, again.keep) == ([], [], first.add)


def test_rules_are_packed_tightly() -> None:
    rules, _ = pack(TERMS, "-is:retweet", 512)
    fewest = sum(len(one) + 4 for one in TERMS) / (512 - len("() -is:retweet"))
    assert len(rules) <= fewest + 1.01


def test_the_whole_lexicon_has_room_in_the_rules_of_the_plan() -> None:
    seen = watched(default_lexicon(), ())
    rules, left_out = pack(seen.terms, "-is:retweet", 1024)
    assert (left_out, seen.hopeless, seen.unknown) == ([], [], [])
    assert len(rules) < 300


def test_medicines_are_chosen_by_id_ingredient_or_any_name_and_come_in_that_order() -> None:
    lexicon = default_lexicon()
    sertraline = lexicon.concept("zoloft")
    assert sertraline is not None
    seen = watched(lexicon, ("Humira", sertraline.id, "sertraline", "no such thing"))
    assert seen.unknown == ["no such thing"]
    assert seen.medicines == 2
    assert {"humira", "adalimumab", "zoloft", "sertraline"} <= set(seen.terms)
    assert seen.terms.index("humira") < seen.terms.index("zoloft")


def test_names_are_written_as_x_reads_them() -> None:
    assert term("Zoloft") == "zoloft"
    assert term("or") == '"or"'
    assert term("johnson & johnson  vaccine") == '"johnson & johnson vaccine"'
    assert term('the "blue" pill') == '"the \\"blue\\" pill"'
    assert term("co-codamol") == '"co-codamol"'
    assert term(" - & ") is None
    assert terms(["zoloft 50", "zoloft", "Zoloft", "--"]) == (["zoloft"], ["--"])


def as_rules(one: Plan, count: itertools.count[int], ours: bool = True) -> list[Rule]:
    return [Rule(str(next(count)), value, ours) for value in [*one.keep, *one.add]]


def test_only_what_differs_is_changed_and_rules_of_others_are_left_alone() -> None:
    count = itertools.count()
    others = [Rule("7000", "(drug1 OR drug2)", False)]
    existing = as_rules(plan(others, TERMS, SUFFIX, 512, 1000), count) + others
    more = plan(existing, [*TERMS, "newone"], SUFFIX, 512, 1000)
    assert (more.add, more.delete) == ([f"(newone) {SUFFIX}"], [])
    less = plan(existing, TERMS[1:], SUFFIX, 512, 1000)
    assert (len(less.add), len(less.delete)) == (1, 1)
    other_words = plan(existing, TERMS, "-is:retweet", 512, 1000)
    assert "7000" not in other_words.delete
    assert len(other_words.delete) == len(existing) - 1


def test_with_too_few_rules_the_last_names_are_left_out_and_rules_of_others_count() -> None:
    others = [Rule(str(number), f"cats{number}", False) for number in range(3)]
    one = plan(others, TERMS, SUFFIX, 512, 5)
    assert len(one.add) == 2
    assert one.left_out == TERMS[len(TERMS) - len(one.left_out) :]


def test_rules_that_have_grown_loose_are_made_anew_before_a_name_is_left_out() -> None:
    existing = [Rule(str(number), f"({one}) {SUFFIX}", True) for number, one in enumerate(TERMS[:5])]
    one = plan(existing, TERMS[:9], SUFFIX, 512, 5)
    assert (len(one.add), len(one.delete), one.left_out) == (1, 5, [])


def test_a_name_that_is_longer_than_a_rule_is_said() -> None:
    assert pack(["a" * 500, "zoloft"], SUFFIX, 256) == ([f"(zoloft) {SUFFIX}"], ["a" * 500])

"""More partitions for the topics that workers share: when that is safe, and how it is done (docs/runbooks/partitions.md).

Keys choose among the partitions, so those of posts and drugs move. Nothing is lost or counted twice because, in this order: the
workers are gone and have handled all there is, so that no key has something unread in its old partition when something new comes
into another; topics are raised to a multiple only, so that a key moves to a partition that is new (`shared.topics`); adr.posts
comes last, so that a pipeline that can start finds the other two raised; every process is told the new number, and refuses to
start with another; what Redis keeps by partition is made anew by the first worker of alerting. Repeating it does what is left.
"""

from __future__ import annotations

from typing import Any

import tenacity

from shared.broker import admin, describe
from shared.errors import AdrwatchError, DependencyAway
from shared.groups import Say, require_stopped, unread
from shared.settings import Settings
from shared.topics import DECLARED, DELETIONS, MENTIONS, MOST_PARTITIONS, OUTCOMES, POSTS

RAISED = (MENTIONS, OUTCOMES, POSTS)
_READ_BY = {"pipeline": (POSTS,), "alerting": (OUTCOMES, MENTIONS, DELETIONS)}
_HEARD_SECONDS = 30.0


def raise_partitions(settings: Settings, number: int, say: Say) -> list[str]:
    """Give the topics of posts, outcomes and mentions `number` partitions each; the names of those that had fewer.

    Raises AdrwatchError where that cannot be done, or not yet; DependencyAway.
    """
    if number % DECLARED or not DECLARED <= number <= MOST_PARTITIONS:
        raise AdrwatchError(
            f"there cannot be {number} partitions", fix=f"give a multiple of {DECLARED}, {MOST_PARTITIONS} at most"
        )
    with admin(settings) as client:
        fewer = _fewer(client, settings.topic_prefix, number)
        if not fewer:
            return []
        for service, topics in _READ_BY.items():
            require_stopped(settings, service, say)
            if behind := unread(settings, service, topics):
                raise AdrwatchError(
                    f"the workers of {service} have {behind:,} records still to read",
                    fix="stop what brings posts in, let the workers read on to the end, stop them, then raise",
                )
        for name in fewer:
            client.create_partitions({name: number})
            say(f"{name}: {number} partitions")
        _until_known(client, fewer, number)
    return fewer


def _fewer(client: Any, prefix: str, number: int) -> list[str]:
    names = [topic.name(prefix) for topic in RAISED]
    found = describe(client, names)
    if missing := [name for name in names if name not in found]:
        raise AdrwatchError(
            f"there is no topic {', '.join(missing)}", fix=f"run `ADRWATCH_PARTITIONS={number} adrwatch topics apply`"
        )
    for name in names:
        count = len(found[name]["partitions"])
        if count > number:
            raise AdrwatchError(f"{name} has {count} partitions, and no broker takes one away", fix="give more")
        if number % count:
            raise AdrwatchError(
                f"{name} has {count} partitions, of which {number} is no multiple: posts would change their order",
                fix=f"give a multiple, such as {2 * count}",
            )
    return [name for name in names if len(found[name]["partitions"]) < number]


def _until_known(client: Any, names: list[str], number: int) -> None:
    """The controller answers before the broker that is asked has heard of a change."""

    def known() -> bool:
        found = describe(client, names)
        return all(len(found[name]["partitions"]) == number for name in names)

    try:
        tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda is_known: not is_known),
            wait=tenacity.wait_fixed(0.2),
            stop=tenacity.stop_after_delay(_HEARD_SECONDS),
        )(known)
    except tenacity.RetryError:
        raise DependencyAway(
            f"the broker has not heard of the new partitions after {_HEARD_SECONDS:g} s", fix="repeat the command"
        ) from None

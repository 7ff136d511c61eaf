"""Rights, and the roles that have them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Right(StrEnum):
    """What somebody may do. A token's scopes are rights, too."""

    SEE_ALERTS = "alerts:read"
    SEE_EVIDENCE = "evidence:read"
    REVIEW_SIGNALS = "alerts:review"
    SEE_CASES = "cases:read"
    WORK_ON_CASES = "cases:write"
    EXPORT_CASES = "cases:export"
    LABEL_POSTS = "labels:write"
    SEE_AUDIT = "audit:read"
    SEE_OPERATIONS = "operations:read"
    REPLAY_DEAD_LETTERS = "dead-letters:replay"
    MANAGE_PEOPLE = "people:manage"


class Role(StrEnum):
    """What a person is in the team. Nobody sees texts of posts but who assesses them."""

    viewer = "viewer"
    assessor = "assessor"
    operator = "operator"
    admin = "admin"


_VIEWER = frozenset({Right.SEE_ALERTS})
_ASSESSOR = _VIEWER | {
    Right.SEE_EVIDENCE,
    Right.REVIEW_SIGNALS,
    Right.SEE_CASES,
    Right.WORK_ON_CASES,
    Right.EXPORT_CASES,
    Right.LABEL_POSTS,
}
_OPERATOR = _VIEWER | {Right.SEE_OPERATIONS, Right.REPLAY_DEAD_LETTERS}
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.viewer: _VIEWER,
    Role.assessor: _ASSESSOR,
    Role.operator: _OPERATOR,
    Role.admin: _ASSESSOR | _OPERATOR | {Right.SEE_AUDIT, Right.MANAGE_PEOPLE},
}


@dataclass(frozen=True)
class Person:
    """Who asks. `name` is the actor in the audit trail. `by`: how it is known who asks."""

    name: str
    roles: frozenset[Role]
    rights: frozenset[Right]
    by: Literal["session", "token", "development"]

    def may(self, right: Right) -> bool:
        """Whether the person has a right."""
        return right in self.rights


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """All rights of some roles."""
    return frozenset().union(*(RIGHTS[role] for role in roles))

"""What a person sees while files are read."""

from __future__ import annotations

from services.ingest.commands.report import RejectReport
from services.ingest.source import Origin, Reject


def reject(line: int, reason: str = "bad-json") -> Reject:
    return Reject(reason, "cut", Origin("posts.jsonl", line), b"")


def test_the_first_refused_lines_of_each_reason_are_named_and_then_once_where_the_others_are() -> None:
    said: list[str] = []
    report = RejectReport(said.append, "the rest of {} lies elsewhere".format)
    for line in range(30):
        report(reject(line))
    report(reject(99, "no-id"))
    assert said[:2] == ["posts.jsonl:0: bad-json: cut", "posts.jsonl:1: bad-json: cut"]
    assert said[20:] == ["more of bad-json: the rest of bad-json lies elsewhere", "posts.jsonl:99: no-id: cut"]


def test_of_a_replay_the_dead_letters_have_the_others() -> None:
    said: list[str] = []
    report = RejectReport(said.append)
    for line in range(30):
        report(reject(line))
    assert said[-1] == "more of bad-json: `adrwatch dead-letters list --reason bad-json` names them all"

"""The policies under which files are read: what the sources file says, what the options say, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.columns import Columns
from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.policies import Governed, Policies, Said
from services.ingest.readers import open_reader
from services.ingest.source import Origin, Policy, RawPost, Reject
from shared.errors import AdrwatchError
from shared.events import Terms
from shared.keyring import Keyring
from tests.unit.ingest.samples import SECRET, raw_post

CLOSED = Bluesky(identifiers="drop", aggregates_only=True, case_export=False)
KNOWN = {"forum": CLOSED.policy, "blog": Bluesky().policy}


def policies(usual: str = "other", **said: Any) -> Policies:
    return Policies(KNOWN, Said(**said), usual, SECRET)


@pytest.mark.parametrize(
    ("source", "said", "policy"),
    [
        ("forum", {}, Policy(False, Terms(True, False))),
        ("blog", {}, Policy(True, Terms())),
        # Of a source that nobody speaks of, nothing is claimed.
        ("other", {}, Policy(True, None)),
        ("other", {"aggregates_only": True}, Policy(False, Terms(True, True))),
        ("other", {"case_export": False}, Policy(True, Terms(False, False))),
        ("other", {"identifiers": False}, Policy(False, None)),
        ("forum", {"case_export": True}, Policy(False, Terms(True, True))),
        ("forum", {"aggregates_only": False, "identifiers": True}, Policy(True, Terms(False, False))),
        ("blog", {"aggregates_only": True, "case_export": False}, Policy(False, Terms(True, False))),
    ],
)
def test_options_go_before_the_sources_file_and_that_before_what_is_usual(
    source: str, said: dict[str, Any], policy: Policy
) -> None:
    assert policies(**said).of(source) == policy


@pytest.mark.parametrize(
    ("source", "said", "terms"),
    [
        ("x", {"aggregates_only": True}, Terms(True, False)),
        ("x", {"aggregates_only": True, "case_export": True}, Terms(True, True)),
        ("x", {}, None),
        ("other", {"aggregates_only": True}, Terms(True, True)),
        # What the sources file says of a source stands.
        ("blog", {"aggregates_only": True}, Terms(True, True)),
    ],
)
def test_stricter_terms_of_one_kind_lift_no_bar_on_exports(
    source: str, said: dict[str, bool], terms: Terms | None
) -> None:
    made = Policies(KNOWN, Said(**said), "other", SECRET, ("x", "blog"))
    assert made.of(source).terms == terms


def test_identifiers_that_may_not_be_kept_are_refused_before_anything_is_read() -> None:
    with pytest.raises(AdrwatchError, match=r"of forum only aggregates may be kept.*leave --identifiers out"):
        policies("forum", identifiers=True)
    assert not policies("blog", identifiers=True).of("forum").keeps_identifiers


def test_a_post_is_named_by_the_hash_that_its_live_source_would_give_it() -> None:
    live = CLOSED.names("forum", lambda: Keyring.of(SECRET), 0.0)
    hidden = policies("blog").governed(raw_post("7"))
    assert isinstance(hidden, RawPost)
    assert hidden.post_id == f"forum:{live.post('7')}"
    other = RawPost("blog", "7", "text", hidden.created_at, hidden.origin, lambda: b"")
    assert policies().governed(other) is other


@pytest.mark.parametrize(
    ("usual", "post_id", "source"),
    [("other", "forum:7", None), ("other", None, "forum"), ("forum", None, None), ("other", None, None)],
)
def test_nothing_is_kept_of_what_a_refused_record_says(usual: str, post_id: str | None, source: str | None) -> None:
    found = policies(usual).governed(Reject("bad-time", "no time", Origin("a", 1), b"words", post_id, source=source))
    assert isinstance(found, Reject)
    assert found.withheld
    assert found.post_id == (post_id and f"forum:{CLOSED.names('forum', lambda: Keyring.of(SECRET), 0.0).post('7')}")


@pytest.mark.parametrize(
    ("usual", "post_id", "source"), [("other", None, "other"), ("forum", None, "blog"), ("forum", "blog:7", None)]
)
def test_a_refused_record_of_another_source_stays_as_it_is(usual: str, post_id: str | None, source: str | None) -> None:
    reject = Reject("bad-time", "no time", Origin("a", 1), b"words", post_id, source=source)
    assert policies(usual).governed(reject) is reject


def test_a_refused_record_of_nobody_knows_whom_stays_where_no_source_is_closed() -> None:
    reject = Reject("bad-json", "no JSON", Origin("a", 1), b"words")
    assert policies(aggregates_only=False).governed(reject) is reject
    assert Policies({}, Said(), "other", SECRET).governed(reject) is reject


@pytest.mark.parametrize(
    ("column", "line", "withheld"),
    [
        ("net", {"net": "forum", "text": "quokka"}, True),
        ("net", {"id": "1e+17", "net": "Forum", "text": "quokka"}, True),
        ("net", {"id": "7", "net": "a forum?", "text": "quokka"}, True),
        ("net", "quokka", True),
        ("net", {"net": "blog", "text": "quokka"}, False),
        (None, {"text": "quokka"}, False),
        (None, "quokka", False),
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_line_without_a_usable_id_leaves_no_text_where_its_source_may_be_a_closed_one(
    tmp_path: Path, form: str, column: str | None, line: dict[str, str] | str, withheld: bool
) -> None:
    names = ("id", "net", "created_at", "text")
    good = {"id": "1", "net": "blog", "created_at": "2026-03-01T08:00:00Z", "text": "a post"}

    def written(record: dict[str, str] | str) -> str:
        if isinstance(record, str):
            return record
        return json.dumps(record) if form == "jsonl" else ",".join(record.get(name, "") for name in names)

    path = tmp_path / f"posts.{form}"
    head = [",".join(names)] if form == "csv" else []
    path.write_text("\n".join([*head, written(good), written(line), ""]))
    reader = open_reader(str(path), form, Columns(source=column), "other", lambda _source, _author: "")
    [found] = [item for item in Governed(reader, policies()) if isinstance(item, Reject)]
    assert found.withheld is withheld

"""One example of every event, the same post all the way; invented. For docs/schemas, docs/topics.md and tests."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from shared.events import (
    Alert,
    ChannelState,
    Closure,
    Concept,
    DeadLetter,
    Deletion,
    Event,
    Forgotten,
    Hold,
    Measure,
    Mention,
    Notice,
    Notification,
    Notified,
    Outcome,
    OwnName,
    Pair,
    Position,
    Post,
    Published,
    Span,
    Table,
    Terms,
    TextsForgotten,
    derived_id,
    mention_id,
)
from shared.topics import PREFIX

_POSTED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_SEEN = datetime(2026, 3, 2, 9, 30, 2, tzinfo=UTC)
_BUCKET = datetime(2026, 3, 2, 9, tzinfo=UTC)
_DRUG = Concept("DB01104", "sertraline")
_REACTION = Concept("HP:0002018", "Nausea")
_POST = "bluesky:3kexample"
_TERMS = Terms(case_export=False)
_AUTHOR = "9f2c4b7de1a05836c7d4e2f1908ab3c5"

_ALERT = Alert(
    id=derived_id(_DRUG.id, _REACTION.id, _BUCKET.isoformat()),
    kind="disproportionality",
    drug=_DRUG,
    reaction=_REACTION,
    episode=_BUCKET,
    evaluated_at=datetime(2026, 3, 2, 10, tzinfo=UTC),
    rules=("ic025",),
    rule_version="1-5c0c6598",
    examples=(_POST,),
    window_hours=24,
    table=Table(16, 28, 15, 3297),
    authors=15,
    measures={"ic": Measure(4.186, 3.393, 4.68), "ebgm": Measure(None)},
    overrides=("preset=umc", "policy.rules=ic025"),
)

EXAMPLES: tuple[Event, ...] = (
    Post(
        terms=_TERMS,
        id=_POST,
        source="bluesky",
        text="@USER day two on sertraline and the nausea is awful",
        created_at=_POSTED,
        ingested_at=_SEEN,
        author=_AUTHOR,
        language="en",
    ),
    Deletion(
        id=_POST,
        deleted_at=datetime(2026, 3, 5, 18, 0, tzinfo=UTC),
        requested_at=datetime(2026, 3, 5, 17, 59, 59, tzinfo=UTC),
        asked_by="network",
    ),
    Forgotten(
        post=derived_id(_POST),
        store="windows",
        requested_at=datetime(2026, 3, 5, 17, 59, 59, tzinfo=UTC),
        forgotten_at=datetime(2026, 3, 5, 18, 0, 1, tzinfo=UTC),
        asked_by="network",
    ),
    Outcome(
        terms=_TERMS,
        post_id=_POST,
        status="mentions:1",
        created_at=_POSTED,
        model_version="2026.2",
        author=_AUTHOR,
        fingerprint="51c0a7be92d3f846",
        probability=0.94,
        pairs=(Pair(_DRUG, _REACTION),),
    ),
    Mention(
        terms=_TERMS,
        id=mention_id(_POST, Span(17, 27), Span(36, 42)),
        post_id=_POST,
        created_at=_POSTED,
        drug=_DRUG,
        reaction=_REACTION,
        drug_span=Span(17, 27),
        reaction_span=Span(36, 42),
        score=0.91,
        model_version="2026.2",
        author=_AUTHOR,
        fingerprint="51c0a7be92d3f846",
    ),
    _ALERT,
    Closure(
        id=derived_id(_DRUG.id, _REACTION.id, _BUCKET.isoformat()),
        drug=_DRUG,
        reaction=_REACTION,
        evidence_until=datetime(2026, 3, 2, 10, tzinfo=UTC),
        closed_at=datetime(2026, 3, 9, 14, 30, tzinfo=UTC),
    ),
    DeadLetter(
        id=f"{PREFIX}.posts:2:1204:screen",
        reason="schema",
        detail="not a Post: Object missing required field `text`",
        stage="screen",
        topic=f"{PREFIX}.posts",
        partition=2,
        offset=1204,
        occurred_at=_SEEN,
        payload=b'{"id":"bluesky:3kexample"}',
        key=_POST.encode(),
    ),
    Hold(
        stage="pipeline",
        topic="adr.posts",
        partition=2,
        since=_SEEN,
        dead=101,
        read=640,
        reasons={"schema": 100, "not-json": 1},
        worker="1",
    ),
    Notified(
        channel="desk",
        alert_id=_ALERT.id,
        change="new",
        outcome="delivered",
        content="b1946ac92492d2347c62",
        known=True,
        offset=17,
        notified_at=_SEEN,
        drug=_DRUG,
        reaction=_REACTION,
        reports=16,
    ),
    ChannelState(channel="desk", began=0, digest_from=12, error="HTTP 503", since=_SEEN),
    Position(
        source="bluesky",
        cursor="1772443800000000",
        reached=_POSTED,
        written_at=_SEEN,
        state="running",
        per_second=61.5,
        posts=1204,
        forgotten=TextsForgotten(_SEEN, 37, _BUCKET),
    ),
    Published(id=_POST, author=_AUTHOR),
    OwnName(name="vitamin z", kind="slang", drug=_DRUG, needs_context=True),
    Notification(
        id=derived_id("desk", _ALERT.id, "17"),
        channel="desk",
        purpose="alert",
        subject="New signal: sertraline \u2013 Nausea, 16 reports",
        notices=(
            Notice(
                id=derived_id("desk", _ALERT.id, "17"),
                change="new",
                alert_id=_ALERT.id,
                drug=_DRUG,
                reaction=_REACTION,
                alert=msgspec.structs.replace(_ALERT, examples=()),
            ),
        ),
    ),
)

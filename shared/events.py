"""The messages on adrwatch's topics, and those it notifies others with: msgspec structs, written as JSON.

Unknown fields are accepted, missing ones are refused by `decode` with the field's name. Times are UTC with an offset.
A topic may repeat an id; every consumer de-duplicates by it. No message carries a handle, and only `Post` and
the payload of a `DeadLetter` carry text, masked by `shared.text.clean.mask` before it is first written.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta

from shared.errors import BadMessage
from shared.not_json import NOT_JSON

SCHEMA_VERSION = 1
UNMAPPED = "unmapped"
# A keyed sketch of words, see `shared.text.sketch`.
Sketch = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What every message carries: the version of its schema."""

    schema_version: int = SCHEMA_VERSION


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a source's terms allow of its posts. Whoever reads a message obeys it, and needs no list of sources for that.

    `aggregates_only`: the post is counted, and nothing else of it is kept once the pipeline has read it: no author, no words, no
    places in the text (docs/decisions/0007). `case_export`: whether a case that is opened from it may leave adrwatch.
    """

    aggregates_only: bool = False
    case_export: bool = True


class Sourced(Event, frozen=True, kw_only=True):
    """What comes from one post of a source. `terms` is None where whoever wrote it did not say."""

    terms: Terms | None = None

    @property
    def aggregates_only(self) -> bool:
        """Whether nothing but counts may be kept of the post."""
        return self.terms is not None and self.terms.aggregates_only


class Post(Sourced, frozen=True, kw_only=True):
    """A public post. `id` is `source:native id`, `author` a keyed hash or None where the source may not keep one."""

    id: str
    source: str
    text: str
    created_at: datetime
    ingested_at: datetime
    author: str | None = None
    language: str | None = None


# How it was asked that a post is forgotten: by what is seen of it at its network, by the network's compliance service, which was
# asked which posts still stand, or by a person.
AskedBy = Literal["network", "compliance", "hand"]


class Deletion(Event, frozen=True, kw_only=True):
    """A post was taken back at its source: every store forgets it.

    `requested_at`: when adrwatch was told, which may be long before `deleted_at`, when this was written. What an earlier adrwatch
    wrote has neither that nor `asked_by`. `edited`: the post still stands at its source, and as it is now nothing of it is kept; a
    later version of it may come back.
    """

    id: str
    deleted_at: datetime
    requested_at: datetime | None = None
    asked_by: AskedBy | None = None
    edited: bool = False


Store = Literal["topics", "pipeline", "windows", "signals", "cases"]


class Forgotten(Event, frozen=True, kw_only=True):
    """One store has forgotten one post. `post` is a hash of the post's id; `requested_at` and `asked_by` are the deletion's.

    `topics`: tombstones are where texts lay. `pipeline`: no outcome of the post comes any more. `windows`: Redis and the queue of
    single reports. `signals`: the evidence of published ones. `cases`: the database of cases.
    """

    post: str
    store: Store
    requested_at: datetime
    forgotten_at: datetime
    asked_by: AskedBy | None = None


class Span(msgspec.Struct, frozen=True):
    """Characters [start, end) of the post's masked text."""

    start: int
    end: int


class Concept(msgspec.Struct, frozen=True, omit_defaults=True):
    """A term of a vocabulary: `id` such as `HP:0002018` or `DB01104`, or `unmapped`; `label` is its preferred name.

    `version` is the release of a vocabulary that the user brought (MedDRA 27.1), `codes` the same thing in other tables of
    the user, with their names (`ATC:N06AB06`). Both are left out where there is nothing to say.
    """

    id: str
    label: str
    version: str | None = None
    codes: tuple[str, ...] = ()


class Pair(msgspec.Struct, frozen=True):
    """A drug and a reaction that one post asserts of one another."""

    drug: Concept
    reaction: Concept


class Outcome(Sourced, frozen=True, kw_only=True):
    """What became of one post; the post-level record that owns N and the margins. Without text.

    `status` is `screened:<reason>`, `negative`, `mentions:<n>` or `dead:<reason>`. `pairs` are the distinct pairs the post
    asserts. `fingerprint` links reposts, `sketch` near-duplicates: it is there with pairs only, and not for a short text.
    `probability` is the classifier's, where it was asked. Where only aggregates may be kept there is neither author nor sketch, the
    fingerprint is made with a key, and the time is cut to the minute. `language` is the one in which the post was read, where
    posts are read in several; else the one that the source says, as a code such as `en`; None where neither is known.
    """

    post_id: str
    status: str
    created_at: datetime
    model_version: str
    author: str | None = None
    fingerprint: str | None = None
    sketch: Sketch | None = None
    probability: float | None = None
    pairs: tuple[Pair, ...] = ()
    language: str | None = None


class Mention(Sourced, frozen=True, kw_only=True):
    """One asserted drug-reaction pair of one post, with its spans.

    `serious` holds criteria of seriousness and designated events, `situations` special situations, both by the names of
    the rule file. A denied reaction is never a mention. `person`: whose reaction it is, the writer's or that of somebody the
    post tells of; None where the program that wrote it did not look. Where only aggregates may be kept there is one mention for
    each drug and reaction, with empty spans, and the time is cut to the hour. `language`: see Outcome.
    """

    id: str
    post_id: str
    created_at: datetime
    drug: Concept
    reaction: Concept
    drug_span: Span
    reaction_span: Span
    score: float
    model_version: str
    author: str | None = None
    fingerprint: str | None = None
    serious: tuple[str, ...] = ()
    situations: tuple[str, ...] = ()
    person: Literal["writer", "other"] | None = None
    language: str | None = None


class Measure(msgspec.Struct, frozen=True):
    """A measure of disproportionality with its interval at 95 % (EBGM: EB05 and EB95). What counts cannot give honestly is None."""

    value: float | None
    lower: float | None = None
    upper: float | None = None


class Table(msgspec.Struct, frozen=True):
    """The 2x2 table of a pair: a = drug and reaction, b = drug only, c = reaction only, d = neither; all distinct posts."""

    a: int
    b: int
    c: int
    d: int


class Alert(Sourced, frozen=True, kw_only=True):
    """A signal (drug, reaction, episode) or an item of the single-report queue. An update repeats the id.

    `episode` is the start of the episode's first bucket (for a single report: the post's time); `evaluated_at` is the end of
    the closed bucket. `examples` are post ids. `rules` fired, by the rule file's names. `overrides` are the rules that differ from
    those that are shipped, such as `evans.prr=3.0`. `previous` is the pair's episode before. `terms` are those of a single
    report's post; a signal has none, and names no post of which only aggregates may be kept.
    """

    id: str
    kind: Literal["disproportionality", "single_report"]
    drug: Concept
    reaction: Concept
    episode: datetime
    evaluated_at: datetime
    rules: tuple[str, ...]
    rule_version: str
    examples: tuple[str, ...]
    lane: Literal["urgent", "special", "signal"] = "signal"
    window_hours: int | None = None
    table: Table | None = None
    authors: int | None = None
    measures: dict[str, Measure] = {}
    overrides: tuple[str, ...] = ()
    previous: str | None = None


class Closure(Event, frozen=True, kw_only=True):
    """A person closed a signal. `evidence_until` is the end of the last bucket that the person saw: reports in later ones are new
    evidence, which opens another episode of the pair.
    """

    id: str
    drug: Concept
    reaction: Concept
    evidence_until: datetime
    closed_at: datetime


Change = Literal["new", "update", "retraction"]


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as a notification tells it; `id` is the same whenever this notice is sent again.

    `alert` names no post, and the times of a single report are cut to the hour; None in a retraction, for the alert was taken
    back. `reports_before`: the pair's reports when the channel was last told. `link` leads to the alert, where one is configured.
    """

    id: str
    change: Change
    alert_id: str
    drug: Concept
    reaction: Concept
    alert: Alert | None = None
    reports_before: int | None = None
    link: str | None = None


class Notification(Event, frozen=True, kw_only=True):
    """What a webhook or a Kafka channel receives. `id` is the Idempotency-Key: a repeat carries the same id and body.

    A `digest` has many notices, an `alert` one, a `test` none. `subject` is one line for people.
    """

    id: str
    channel: str
    purpose: Literal["alert", "digest", "test"]
    subject: str
    notices: tuple[Notice, ...] = ()


class Notified(Event, frozen=True, kw_only=True):
    """What became of the last thing that one channel was to be told of one alert. The key is channel and alert id.

    `content` is the hash of what was told, empty for a retraction; `offset` is the alert's place in its topic. `known`:
    something of the alert was delivered to the channel and it was not taken back there since; `reports` is what it heard. A
    `parked` notice was refused for good, with its `reason`; `withdrawn` is one that was taken back before the channel knew of it.
    """

    channel: str
    alert_id: str
    change: Change
    outcome: Literal["delivered", "parked", "withdrawn"]
    content: str
    known: bool
    offset: int
    notified_at: datetime
    drug: Concept | None = None
    reaction: Concept | None = None
    reports: int | None = None
    reason: str | None = None


class ChannelState(Event, frozen=True, kw_only=True):
    """How far a notification channel has come. `began` is the first offset of the alerts that concern it.

    `digest_from` is the first offset that no digest has taken in yet, None where the channel has no digest. `error` is why the
    channel takes nothing since `since`; None while it works.
    """

    channel: str
    began: int
    digest_from: int | None = None
    error: str | None = None
    since: datetime | None = None


class Published(Event, frozen=True, kw_only=True):
    """A post that a live source has published, so that a deletion at the network finds it. `author` is the keyed hash, if kept.

    `sealed` is the network's own id, encrypted: for some days, where the network has to be asked whether a post still stands.
    """

    id: str
    author: str | None = None
    sealed: str | None = None


class TextsForgotten(msgspec.Struct, frozen=True):
    """What a live source last forgot of what it may not keep longer: when, and how many texts, refused records among them.

    `oldest` is when the oldest text was written that was left in `adr.posts`; None where none was.
    """

    at: datetime
    texts: int
    oldest: datetime | None = None


class Position(Event, frozen=True, kw_only=True):
    """How far a live source has come: everything before `cursor` is with the broker.

    `cursor` is where it goes on, in the network's own terms; None before its first event. `reached` is the network's time of the
    last event. `per_second` counts events since the record before, `posts` and `reconnects` since the process started. `error` is
    why it waits since `since`; None while it works. `forgotten`: see TextsForgotten; None where texts go with their topic.
    """

    source: str
    cursor: str | None
    reached: datetime | None
    written_at: datetime
    state: Literal["running", "waiting", "stopped"]
    per_second: float = 0.0
    posts: int = 0
    reconnects: int = 0
    error: str | None = None
    since: datetime | None = None
    forgotten: TextsForgotten | None = None


OwnKind = Literal["name", "brand", "misspelling", "slang", "excluded"]


class OwnName(Event, frozen=True, kw_only=True):
    """A name in a team's own drug list, which lies over the names that adrwatch ships with. `name` is in its normal form.

    `kind`: what the name is to its ingredient `drug`, or `excluded`: a shipped name that counts no more. With `needs_context` the
    name counts only beside a dose, a word of medicine or another medicine; an excluded one does then, too.
    """

    name: str
    kind: OwnKind
    drug: Concept | None = None
    needs_context: bool = False


class Hold(Event, frozen=True, kw_only=True):
    """A stage stands still at one partition of its topic: too many of the records there became dead letters.

    `dead` of the last `read` records did, by `reasons`. It is in force until `released_at`, when a person let the stage go on
    (`released_why`). Nothing is lost meanwhile: what was read is uncommitted.
    """

    stage: str
    topic: str
    partition: int
    since: datetime
    dead: int
    read: int
    reasons: dict[str, int]
    worker: str
    released_at: datetime | None = None
    released_why: str = ""


class DeadLetter(Event, frozen=True, kw_only=True):
    """A message that could not be processed, whole, so that it can be mended and replayed.

    `topic` is the original one, or the file's name at ingest, where `offset` is the line. `payload` is the original bytes; empty
    where the terms of the source let nothing be kept of them.
    """

    id: str
    reason: str
    detail: str
    stage: str
    topic: str
    partition: int
    offset: int
    occurred_at: datetime
    payload: bytes
    key: bytes | None = None


E_ = TypeVar("E_", bound=Event)
_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """The event as JSON, UTF-8."""
    return _encoder.encode(event)


def decode(payload: bytes | None, kind: type[E_]) -> E_:
    """Read one message of a known kind.

    A word that a later adrwatch has added to the words of a field counts as if the field had not been written, where it need not be
    there. Raises BadMessage: `tombstone` for an empty record, `not-json`, `schema` (a field is missing or has a wrong type, named
    in the message), `later-word` (one of a field that must be there) or `schema-version` (written by a later adrwatch).
    """
    if payload is None:
        raise BadMessage("tombstone", "the record has no value")
    try:
        event = msgspec.json.decode(payload, type=kind)
    except msgspec.ValidationError as error:
        event = _without_later_words(payload, kind, error)
    except NOT_JSON as error:
        raise BadMessage("not-json", f"not JSON: {error}") from error
    if event.schema_version > SCHEMA_VERSION:
        raise BadMessage(
            "schema-version",
            f"{kind.__name__} has schema version {event.schema_version}, this program reads up to {SCHEMA_VERSION}",
            fix="upgrade this worker, then replay the dead letter",
        )
    for name in kind.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise BadMessage("schema", f"not a {kind.__name__}: {name} has no UTC offset")
    return event


def _without_later_words(payload: bytes, kind: type[E_], error: msgspec.ValidationError) -> E_:
    """The message, read once more without words that are not known; raises what `decode` does where that is not what was wrong."""
    refused = BadMessage("schema", f"not a {kind.__name__}: {error}")
    try:
        message = msgspec.json.decode(payload)
    except NOT_JSON:
        raise refused from error
    later = _later_words(message, kind) if isinstance(message, dict) else {}
    for name, optional in later.items():
        if not optional:
            raise BadMessage(
                "later-word",
                f"{kind.__name__} has a word in {name} that this program does not know",
                fix="upgrade this worker, then replay the dead letter",
            ) from error
        del message[name]
    try:
        return msgspec.json.decode(msgspec.json.encode(message), type=kind)
    except msgspec.ValidationError:
        raise refused from error


def _later_words(message: dict[str, Any], kind: type[Event]) -> dict[str, bool]:
    """Fields of a message that hold a word which is not among those of the field, and whether the field may be left out."""
    found = {}
    for field in msgspec.structs.fields(kind):
        words = {
            word for part in (field.type, *get_args(field.type)) for word in get_args(part) if isinstance(word, str)
        }
        value = message.get(field.encode_name)
        if words and isinstance(value, str) and value not in words:
            found[field.encode_name] = not field.required
    return found


def derived_id(*parts: str) -> str:
    """A stable id of 20 hexadecimal digits from its parts (mention: post and spans; signal: drug, reaction, episode)."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=10).hexdigest()


def mention_id(post_id: str, drug: Span, reaction: Span) -> str:
    """A mention's id, from post, drug span and reaction span."""
    return derived_id(post_id, f"{drug.start}-{drug.end}", f"{reaction.start}-{reaction.end}")


def now() -> datetime:
    """The present moment, UTC, to the millisecond."""
    return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)

"""The tables of the database, as Alembic makes them (`migrations/`)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()

# `document` is the case as JSON; the other columns are what is searched by.
CASES = Table(
    "cases",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("document", Text, nullable=False),
    Column("state", String(30), nullable=False),
    Column("post", String(40), nullable=True),
    Column("opened_at", String(32), nullable=False),
    Index("cases_by_state", "state"),
    Index("cases_by_post", "post"),
)
# `told`: 1 when alerting has been told that the signal was closed.
REVIEWS = Table(
    "reviews",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("document", Text, nullable=False),
    Column("state", String(30), nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("told", Integer, nullable=False),
    Index("reviews_by_state", "state", "told"),
)
COMMENTS = Table(
    "comments",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("dossier_id", String(40), nullable=False, index=True),
    Column("at", String(32), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("text", Text, nullable=False),
)
# Hashes of posts that were taken back, so that no case is opened from one; of one that was edited a hash of its own (`casebook`),
# and when that was.
DELETED = Table(
    "deleted_posts",
    METADATA,
    Column("post", String(40), primary_key=True),
    Column("at", String(32), nullable=False, index=True),
)
# What is known of the post of a case, by which cases are held against each other. `looked`: 1 when the topics were asked.
TRACES = Table(
    "traces",
    METADATA,
    Column("case_id", String(40), primary_key=True),
    Column("opened_at", String(32), nullable=False, index=True),
    Column("drug", String(100), nullable=False, index=True),
    Column("post", String(40), nullable=False, index=True),
    Column("at", String(32), nullable=True),
    Column("author", String(64), nullable=True, index=True),
    Column("fingerprint", String(64), nullable=True, index=True),
    Column("sketch", LargeBinary, nullable=True),
    Column("looked", Integer, nullable=False, index=True),
)
# Rows are only ever added. `mac` chains each to the one before it.
AUDIT = Table(
    "audit",
    METADATA,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", String(64), nullable=False),
    Column("after", String(64), nullable=False),
    Column("mac", String(64), nullable=False),
    Index("audit_by_actor", "actor", "seq"),
    Index("audit_by_action", "action", "seq"),
    Index("audit_by_subject", "subject", "seq"),
    Index("audit_by_at", "at"),
)
# Who may use the dashboard. `password`: a hash by argon2, none of people whom a provider signs in.
PEOPLE = Table(
    "people",
    METADATA,
    Column("name", String(60), primary_key=True),
    Column("display", String(100), nullable=False),
    Column("roles", String(100), nullable=False),
    Column("password", String(200), nullable=True),
    Column("issuer", String(200), nullable=True),
    Column("identity", String(255), nullable=True),
    Column("active", Integer, nullable=False),
    Column("created", String(32), nullable=False),
    Column("signed_in", String(32), nullable=True),
    Index("people_by_identity", "issuer", "identity", unique=True),
)
# `id`: a hash of what the browser holds.
SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("person", String(60), nullable=False, index=True),
    Column("created", String(32), nullable=False),
    Column("seen", String(32), nullable=False),
    Column("expires", String(32), nullable=False, index=True),
)
# `secret`: a hash of what a program sends; `scopes`: rights with blanks between.
TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("secret", String(64), nullable=False, unique=True),
    Column("name", String(60), nullable=False),
    Column("person", String(60), nullable=False, index=True),
    Column("scopes", String(400), nullable=False),
    Column("created", String(32), nullable=False),
    Column("expires", String(32), nullable=False),
    Column("used", String(32), nullable=True),
    Column("revoked", Integer, nullable=False),
)
# `post`: its hash. `spans`: JSON, places in the text and no words of it. `sampled`: the probability with which it was drawn.
LABELS = Table(
    "labels",
    METADATA,
    Column("post", String(20), primary_key=True),
    Column("assessor", String(100), primary_key=True),
    Column("label", Integer, nullable=False),
    Column("spans", Text, nullable=False),
    Column("sampled", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("at", String(32), nullable=False),
)
# Filters and orders of the list of alerts that a person has named. `words`: the part of the address behind the question mark.
SAVED_VIEWS = Table(
    "saved_views",
    METADATA,
    Column("person", String(60), primary_key=True),
    Column("name", String(60), primary_key=True),
    Column("words", String(1000), nullable=False),
    Column("at", String(32), nullable=False),
)

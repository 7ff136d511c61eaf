"""The tables of the dashboard's SQLite file. Whoever changes them raises VERSION: a file of another version is made anew."""

from __future__ import annotations

VERSION = 4
# `part` and `place` are where a mention's record lies in adr.mentions, the `place` of a post is its offset and partition in
# adr.posts, in one number; `post` is the post's key, see `mentions.key_of`; `serious`
# has the criteria of seriousness and designated events, NULL where there are none; `record` is the mention in MessagePack, without
# its author. `version` is when the post was written that a mention is of, or that of an edited post which was the last to be taken
# back; `arrived` is when a source took the post in, NULL where that is not known. Times are in ms since 1970.
CREATE = (
    "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS positions"
    " (topic TEXT, part INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, part)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS concepts (code INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, label TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS mentions ("
    " id TEXT NOT NULL UNIQUE, part INTEGER NOT NULL, place INTEGER NOT NULL, post INTEGER NOT NULL,"
    " version INTEGER NOT NULL, at INTEGER NOT NULL,"
    " drug INTEGER NOT NULL, reaction INTEGER NOT NULL, source TEXT NOT NULL, language TEXT, serious TEXT, record BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS places (post INTEGER PRIMARY KEY, place INTEGER NOT NULL, arrived INTEGER)",
    "CREATE TABLE IF NOT EXISTS gone (post INTEGER PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS edited (post INTEGER PRIMARY KEY, version INTEGER NOT NULL)",
)
# Each ends with all that counts are made of, so that counting reads the index alone.
INDICES = (
    "CREATE INDEX IF NOT EXISTS of_pair ON mentions (drug, reaction, at, id, post, source, language)",
    "CREATE INDEX IF NOT EXISTS of_reaction ON mentions (reaction, at, id, post, drug, source, language)",
    "CREATE INDEX IF NOT EXISTS of_drug ON mentions (drug, at, id, post, reaction, source, language)",
    "CREATE INDEX IF NOT EXISTS of_time ON mentions (at, id, post, drug, reaction, source, language)",
    "CREATE INDEX IF NOT EXISTS of_serious ON mentions (drug, reaction, at, post, serious) WHERE serious IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS of_post ON mentions (post)",
    "CREATE INDEX IF NOT EXISTS of_place ON mentions (part, place)",
)

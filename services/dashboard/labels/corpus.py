"""Labels with the texts of their posts, as files that `adrwatch train` and `adrwatch evaluate` read.

The text is read from adr.posts, which keeps it for seven days; labels alone are kept on. Nothing is written of a post that was
taken back, of which only aggregates may be kept, or that may not leave adrwatch by the terms of its source or the settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.annotation.writing import write_file
from services.cases.labels import Label
from shared.broker import Stored
from shared.corpora.documents import NO, REPORTS, YES
from shared.errors import BadMessage
from shared.events import Post, decode, derived_id

# The names of types in the corpora of tweets.
_TYPES = {"reaction": "ADR", "drug": "Drug"}
TABLE, SPANS = "labels.tsv", "spans.jsonl"


@dataclass(frozen=True)
class Exported:
    """How many posts were written, and why others were not: assessors disagree, their terms, or their text is kept no longer."""

    written: int
    disputed: int
    not_allowed: int
    without_text: int


def texts(records: Iterable[Stored], wanted: Mapping[str, Sequence[Label]]) -> dict[str, Post]:
    """The posts with these hashes, as they are now: the last record of a key counts, and a tombstone takes the post away. Pure."""
    found: dict[str, Post] = {}
    for record in records:
        name = derived_id((record.key or b"").decode(errors="replace"))
        if name not in wanted:
            continue
        found.pop(name, None)
        try:
            found[name] = decode(record.value, Post)
        except BadMessage:
            continue
    return found


def write(
    labels: Mapping[str, Sequence[Label]],
    posts: Mapping[str, Post],
    folder: Path,
    closed: Collection[str],
    record: Callable[[int], None],
) -> Exported:
    """Write both files, readable by their owner alone, and nothing of the sources that are `closed`.

    `record` is told first how many posts are to be written: where it raises, nothing is. Raises AdrwatchError where a file is there
    already, or cannot be written.
    """
    settled = {name: said for name, said in labels.items() if len({one.label for one in said}) == 1}
    there = {name: said for name, said in settled.items() if name in posts}
    allowed = {name: said for name, said in there.items() if _may_leave(posts[name], closed)}
    rows = ["tweet_id\tcreated_at\tlabel\ttext\tsampled\tprobability"]
    spans = []
    for name, said in allowed.items():
        post, first = posts[name], said[0]
        at, text = f"{post.created_at:%Y-%m-%dT%H:%M:%SZ}", " ".join(post.text.split())
        rows.append(f"{name}\t{at}\t{first.label}\t{text}\t{first.sampled:g}\t{first.probability:g}")
        marked = [{"start": one.start, "end": one.end, "type": _TYPES[one.type]} for one in said[-1].spans]
        if not first.label or marked:
            labels_of_it = {REPORTS: YES if first.label else NO}
            line = {"id": name, "text": post.text, "labels": labels_of_it, "entities": marked}
            spans.append(json.dumps(line, ensure_ascii=False))
    record(len(allowed))
    _write(folder / TABLE, rows)
    _write(folder / SPANS, spans)
    return Exported(len(allowed), len(labels) - len(settled), len(there) - len(allowed), len(settled) - len(there))


def write_waiting(
    waiting: Collection[str],
    posts: Mapping[str, Post],
    path: Path,
    closed: Collection[str],
    record: Callable[[int], None],
) -> Exported:
    """Write posts that wait for a label, as JSON lines with id (the hash) and text, by the rules of `write`."""
    there = [name for name in waiting if name in posts]
    allowed = [name for name in there if _may_leave(posts[name], closed)]
    record(len(allowed))
    _write(path, [json.dumps({"id": name, "text": posts[name].text}, ensure_ascii=False) for name in allowed])
    return Exported(len(allowed), 0, len(there) - len(allowed), len(waiting) - len(there))


def _may_leave(post: Post, closed: Collection[str]) -> bool:
    terms = post.terms
    return post.source not in closed and (terms is None or (terms.case_export and not terms.aggregates_only))


def _write(path: Path, lines: Sequence[str]) -> None:
    write_file(path, "".join(f"{line}\n" for line in lines).encode())

"""Labels with the texts of their posts, as files that `adrwatch train` and `adrwatch evaluate` read.

The text is read from adr.posts, which keeps it for seven days; labels alone are kept on. Nothing is written of a post that was
taken back, of which only aggregates may be kept, or that may not leave adrwatch by the terms of its source or the settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cases.labels import Label
from shared.broker import Stored
from shared.errors import AdrwatchError, BadMessage
from shared.events import Post, decode, derived_id

# The names of types in the corpora of tweets.
_TYPES = {"reaction": "ADR", "drug": "Drug"}
TABLE, SPANS = "labels.tsv", "spans.jsonl"
_OWNER_ONLY = 0o600


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
            spans.append(json.dumps({"id": name, "text": post.text, "entities": marked}, ensure_ascii=False))
    record(len(allowed))
    _write(folder / TABLE, rows)
    _write(folder / SPANS, spans)
    return Exported(len(allowed), len(labels) - len(settled), len(there) - len(allowed), len(settled) - len(there))


def _may_leave(post: Post, closed: Collection[str]) -> bool:
    terms = post.terms
    return post.source not in closed and (terms is None or (terms.case_export and not terms.aggregates_only))


def _write(path: Path, lines: Sequence[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(_OWNER_ONLY, exist_ok=False)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except FileExistsError:
        raise AdrwatchError(f"{path} is there already", fix="name another folder") from None
    except OSError as error:
        raise AdrwatchError(f"{path} cannot be written: {error.strerror}", fix="name another folder") from error

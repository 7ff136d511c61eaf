"""Counting reports in sliding windows of event time: a pure function of the rows that lie in a window.

What counts, in the order of (event time, post id):

1. a post whose fingerprint was seen before in the window is a repost: linked, not counted;
2. a pair that a near-duplicate has told shortly before in the window is linked, not counted (`shared.signals.near`);
3. a pair that the same author has reported before in the window, in a post that counts, is not counted again;
4. a post counts if a pair of it remains. N, the margin of a drug, the margin of a reaction and the count of a pair are
   all counts of distinct posts over the remaining pairs, so the four fit together.

The order in which rows arrived, their repetition and their batches play no part.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.signals.measures import Counts
from shared.signals.near import NearLinks
from shared.text.sketch import SKETCH_BYTES

NONE = -1
_NO_SKETCH = bytes(SKETCH_BYTES)
Flags = NDArray[np.bool_]


class Row(msgspec.Struct, frozen=True, array_like=True):
    """What one post adds to the windows: event time in ms since 1970 UTC, author and fingerprint hashes, distinct pairs of ids,
    sketch of the words. `unnamed`: only aggregates may be kept of the post, so no signal names it as an example.

    Written as a MessagePack array, without field names: the row is stored once a post, for months.
    """

    post_id: str
    at_ms: int
    author: str | None
    fingerprint: str | None
    pairs: tuple[tuple[str, str], ...]
    sketch: bytes | None = None
    unnamed: bool = False


Why = Literal["counted", "repost", "near_duplicate", "same_author"]


class Told(NamedTuple):
    """One post's report of one pair as a window takes it. `like` is the earlier post that it repeats, None where it counts.

    `row` and `like_row` are the rows of the two in the ledger.
    """

    post_id: str
    at_ms: int
    why: Why
    like: str | None
    row: int
    like_row: int | None


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """The moment, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


class Codes:
    """Whole numbers for strings, exact and in the order of first appearance; shared by the blocks of one ledger."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, int] = {}

    def of(self, name: str) -> int:
        """The number of a name."""
        code = self._codes.setdefault(name, len(self.names))
        if code == len(self.names):
            self.names.append(name)
        return code

    def find(self, name: str) -> int:
        """The number of a name that may never have been seen: NONE then."""
        return self._codes.get(name, NONE)


class Marks:
    """Whole numbers for strings of which only what is alike matters, exact. A number that was let go is not given again.

    Each takes some 180 bytes.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._given = 0

    def of(self, name: str | None) -> int:
        """The number of a string; NONE for None."""
        if name is None:
            return NONE
        code = self._codes.setdefault(name, self._given)
        self._given += code == self._given
        return code

    def keep(self, used: Counts) -> None:
        """Let all numbers go but these."""
        kept = set(used.tolist())
        self._codes = {name: code for name, code in self._codes.items() if code in kept}

    def __len__(self) -> int:
        return len(self._codes)


class Vocabulary:
    """The codes of drugs, reactions, pairs, authors and fingerprints. `pair_drug[i]`, `pair_reaction[i]` belong to pair code i."""

    def __init__(self) -> None:
        self.drugs, self.reactions = Codes(), Codes()
        self.authors, self.fingerprints = Marks(), Marks()
        self.pair_drug: list[int] = []
        self.pair_reaction: list[int] = []
        self._pairs: dict[tuple[int, int], int] = {}

    def pair(self, drug: str, reaction: str) -> int:
        """The code of a pair."""
        key = (self.drugs.of(drug), self.reactions.of(reaction))
        code = self._pairs.setdefault(key, len(self.pair_drug))
        if code == len(self.pair_drug):
            self.pair_drug.append(key[0])
            self.pair_reaction.append(key[1])
        return code

    def find_pair(self, drug: str, reaction: str) -> int:
        """The code of a pair that may never have been seen: NONE then."""
        return self._pairs.get((self.drugs.find(drug), self.reactions.find(reaction)), NONE)

    def pair_names(self, code: int) -> tuple[str, str]:
        """Drug and reaction id of a pair."""
        return self.drugs.names[self.pair_drug[code]], self.reactions.names[self.pair_reaction[code]]


@dataclass(frozen=True, eq=False)
class Block:
    """Rows in order, coded: one entry a row in `at`, `posts`, `authors`, `fingerprints`, one a pair in `pair_row`, `pairs`.

    `unnamed` says of which rows no signal may name the post. `sketches` has a row of 64-bit words a report; zeros where a report
    has no sketch.
    """

    at: Counts
    posts: list[str]
    unnamed: Flags
    authors: Counts
    fingerprints: Counts
    sketches: NDArray[np.uint64]
    pair_row: Counts
    pairs: Counts

    @classmethod
    def of(cls, rows: Iterable[Row], vocabulary: Vocabulary) -> Block:
        """Sort and code the rows of one bucket. A post that appears twice is taken once."""
        distinct = {row.post_id: row for row in rows}
        ordered = sorted(distinct.values(), key=lambda row: (row.at_ms, row.post_id))
        pair_row, pairs = [], []
        for index, row in enumerate(ordered):
            for drug, reaction in sorted(set(row.pairs)):
                pair_row.append(index)
                pairs.append(vocabulary.pair(drug, reaction))
        return cls(
            np.array([row.at_ms for row in ordered], dtype=np.int64),
            [row.post_id for row in ordered],
            np.array([row.unnamed for row in ordered], dtype=bool),
            np.array([vocabulary.authors.of(row.author) for row in ordered], dtype=np.int64),
            np.array([vocabulary.fingerprints.of(row.fingerprint) for row in ordered], dtype=np.int64),
            np.frombuffer(b"".join(row.sketch or _NO_SKETCH for row in ordered), dtype=np.uint64).reshape(
                -1, SKETCH_BYTES // 8
            ),
            np.array(pair_row, dtype=np.int64),
            np.array(pairs, dtype=np.int64),
        )


def _previous(keys: Counts) -> Counts:
    """For each entry the index of the entry before it that has the same key, NONE where there is none or the key is NONE."""
    order = np.argsort(keys, kind="stable")
    result = np.full(len(keys), NONE, dtype=np.int64)
    if len(keys) > 1:
        same = (keys[order[1:]] == keys[order[:-1]]) & (keys[order[1:]] != NONE)
        result[order[1:][same]] = order[:-1][same]
    return result


class Ledger:
    """All kept rows in order, with the links that make the count of any window a few passes over its rows."""

    def __init__(self, blocks: Iterable[Block], vocabulary: Vocabulary, links: NearLinks) -> None:
        """`blocks` are disjoint in time and in order (one a bucket); `links` may know those of a ledger before."""
        blocks = [block for block in blocks if len(block.at)]
        starts = np.cumsum([0, *(len(block.at) for block in blocks)])
        self.vocabulary = vocabulary
        self.at: Counts = _join([block.at for block in blocks])
        self.posts = [post for block in blocks for post in block.posts]
        self._unnamed: Flags = np.concatenate([block.unnamed for block in blocks] or [np.empty(0, dtype=bool)])
        self.authors: Counts = _join([block.authors for block in blocks])
        self.fingerprints: Counts = _join([block.fingerprints for block in blocks])
        self._previous_copy = _previous(self.fingerprints)
        self.pair_row: Counts = _join([block.pair_row + start for block, start in zip(blocks, starts, strict=False)])
        self.pairs: Counts = _join([block.pairs for block in blocks])
        self.pair_drug: Counts = np.array(vocabulary.pair_drug, dtype=np.int64)
        self.pair_reaction: Counts = np.array(vocabulary.pair_reaction, dtype=np.int64)
        author = self.authors[self.pair_row]
        keys = np.where(author == NONE, NONE, author * max(len(self.pair_drug), 1) + self.pairs)
        self._previous_report = _previous(keys)
        self._previous_near = np.where((back := links.back(blocks)) > 0, np.arange(len(back)) - back, NONE)
        self._pair_start = np.searchsorted(self.pair_row, np.arange(len(self.at) + 1))

    def find_pair(self, drug: str, reaction: str) -> int:
        """The code of a pair; NONE where no row of this ledger could have it."""
        code = self.vocabulary.find_pair(drug, reaction)
        return code if code < len(self.pair_drug) else NONE

    def pairs_between(self, start_ms: int, end_ms: int) -> Counts:
        """The codes of the pairs that any post with start <= event time < end reports, counted or not."""
        low, high = np.searchsorted(self.at, [start_ms, end_ms])
        return np.unique(self.pairs[self._pair_start[low] : self._pair_start[high]])

    def named(self, row: int) -> str | None:
        """The post of a row, None where nobody may be told which it is."""
        return None if self._unnamed[row] else self.posts[row]

    def linked(self) -> tuple[int, int]:
        """How many reports repeat the words of an earlier one, and how many others a pair of it in nearly the same words."""
        repost = self._previous_copy != NONE
        near = np.unique(self.pair_row[self._previous_near != NONE])
        return int(np.count_nonzero(repost)), int(np.count_nonzero(~repost[near]))

    def window(self, start_ms: int, end_ms: int) -> Window:
        """Count the rows with start <= event time < end."""
        low, high = np.searchsorted(self.at, [start_ms, end_ms])
        first, last = self._pair_start[low], self._pair_start[high]
        rows = self.pair_row[first:last]
        original = self._previous_copy[low:high] < low
        counted = original[rows - low] & (self._previous_near[first:last] < first)
        counted &= ~self._reported_before(counted, first, last)
        return Window(self, np.flatnonzero(counted) + first)

    def told(self, pair: int, start_ms: int, end_ms: int) -> list[Told]:
        """Every report of a pair with start <= event time < end, in order, and why it counts or not."""
        low, high = np.searchsorted(self.at, [start_ms, end_ms])
        first, last = self._pair_start[low], self._pair_start[high]
        counted = set(self.window(start_ms, end_ms).entries_of(pair).tolist())
        found = []
        for entry in (np.flatnonzero(self.pairs[first:last] == pair) + first).tolist():
            row = int(self.pair_row[entry])
            why, like = self._why(entry, row, int(low), int(first)) if entry not in counted else ("counted", NONE)
            repeated = (self.posts[like], like) if like != NONE else (None, None)
            found.append(Told(self.posts[row], int(self.at[row]), why, repeated[0], row, repeated[1]))
        return found

    def _why(self, entry: int, row: int, low: int, first: int) -> tuple[Why, int]:
        """Why a report does not count in a window that begins with these indices, and the row that it repeats."""
        if self._previous_copy[row] >= low:
            return "repost", int(self._previous_copy[row])
        if self._previous_near[entry] >= first:
            return "near_duplicate", int(self.pair_row[self._previous_near[entry]])
        return "same_author", int(self.pair_row[self._previous_report[entry]])

    def _reported_before(self, original: Flags, first: int, last: int) -> Flags:
        """Which pair entries of [first, last) the same author reported before in the window, reposts left aside."""
        result = np.zeros(last - first, dtype=bool)
        entry = np.flatnonzero(original)
        earlier = self._previous_report[entry + first]
        while len(entry):
            inside = earlier >= first
            entry, earlier = entry[inside], earlier[inside]
            counts = original[earlier - first]
            result[entry[counts]] = True
            entry, earlier = entry[~counts], self._previous_report[earlier[~counts]]
        return result


def _join(parts: list[Counts]) -> Counts:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _distinct(ordered: Counts) -> Counts:
    """The distinct values of a sorted array."""
    return ordered[np.flatnonzero(np.diff(ordered, prepend=NONE))]


class Window:
    """The counts of one window. `entries` are the indices of the ledger's pair entries that count."""

    def __init__(self, ledger: Ledger, entries: Counts) -> None:
        self._ledger = ledger
        self._entries = entries
        self._rows = ledger.pair_row[entries]
        self._pairs = ledger.pairs[entries]
        self._distinct_rows = _distinct(self._rows)
        self.total = self._distinct_rows.size

    def pairs(self) -> Counts:
        """The codes of the pairs that count at least once, in order."""
        return np.unique(self._pairs)

    def entries_of(self, pair: int) -> Counts:
        """The indices of the ledger's entries that count for a pair."""
        return self._entries[np.flatnonzero(self._pairs == pair)]

    def times(self) -> Counts:
        """Event times in ms of the posts that count, in order."""
        return self._ledger.at[self._distinct_rows]

    def times_of(self, pairs: Counts) -> Counts:
        """Event times in ms of the posts that count for any of some pairs, in order."""
        chosen = np.zeros(len(self._ledger.pair_drug), dtype=bool)
        chosen[pairs] = True
        return self._ledger.at[_distinct(self._rows[chosen[self._pairs]])]

    def counts_by_step(self, pairs: Counts, start_ms: int, step_ms: int, steps: int) -> Counts:
        """Distinct posts of each pair [pairs, steps] in steps of time from `start_ms` on."""
        places = np.full(len(self._ledger.pair_drug), NONE, dtype=np.int64)
        places[pairs] = np.arange(len(pairs))
        place, step = places[self._pairs], (self._ledger.at[self._rows] - start_ms) // step_ms
        inside = (place != NONE) & (step >= 0) & (step < steps)
        table = np.bincount(place[inside] * steps + step[inside], minlength=len(pairs) * steps)
        return table.reshape(len(pairs), steps)

    def between(self, start_ms: int, end_ms: int) -> Window:
        """What counts of a part of the window: each report stands where the window counts it, none is counted anew."""
        low, high = np.searchsorted(self._ledger.at[self._rows], [start_ms, end_ms])
        return Window(self._ledger, self._entries[low:high])

    def counts(self, pairs: Counts) -> Counts:
        """Distinct posts of each pair."""
        return np.bincount(self._pairs, minlength=len(self._ledger.pair_drug))[pairs]

    def tables(self, pairs: Counts) -> tuple[Counts, Counts, Counts, Counts, Flags]:
        """(a, b, c, d, valid) of the pairs, by code. `valid` is False where a table cannot be: d would be negative.

        That happens when posts name drug and reaction in separate pairs only.
        """
        a = self.counts(pairs)
        drug = self.drugs()[self._ledger.pair_drug[pairs]]
        reaction = self.reactions()[self._ledger.pair_reaction[pairs]]
        d = self.total - (drug + reaction - a)
        return a, drug - a, reaction - a, d, d >= 0

    def drugs(self) -> Counts:
        """Distinct posts of each drug, by code; codes past the last that any pair has are left out."""
        return self._margin(self._ledger.pair_drug)

    def reactions(self) -> Counts:
        """Distinct posts of each reaction, as `drugs`."""
        return self._margin(self._ledger.pair_reaction)

    def _margin(self, part: Counts) -> Counts:
        """Distinct posts by drug or by reaction: `part` maps pair codes to it."""
        size = int(part.max()) + 1 if len(part) else 0
        keys = self._rows * max(size, 1) + part[self._pairs]
        # Almost sorted already, which a stable sort is quick at.
        keys.sort(kind="stable")
        return np.bincount(_distinct(keys) % max(size, 1), minlength=size)

    def authors(self, pairs: Counts, anonymous_counts: bool) -> Counts:
        """Distinct authors of each pair. A post without an author is one author of its own, or none at all."""
        known = self._ledger.authors[self._rows] != NONE
        # An author's second report of a pair does not count, so counted reports with an author are distinct authors.
        counted = self._pairs if anonymous_counts else self._pairs[known]
        return np.bincount(counted, minlength=len(self._ledger.pair_drug))[pairs]

    def posts(self, pair: int, most: int) -> tuple[str, ...]:
        """The ids of the last `most` counted posts of a pair that may be named, the latest first."""
        rows = self._rows[self._pairs == pair][::-1]
        return tuple(itertools.islice(filter(None, map(self._ledger.named, rows)), most))

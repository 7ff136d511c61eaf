"""Posts that we wrote to teach and to measure the advert model: tab-separated part, label, kind, template, text.

Posts of one template differ in the medicine and a word or two. Those of the part `held` were written when all else about the
model was settled, have templates of their own, and are measured only.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError
from shared.screening.model import KINDS, PERSON

FILE = Path(__file__).with_name("posts.tsv")
LABELS = (PERSON, *KINDS)
LEARN, HELD = "learn", "held"
_COLUMNS = ["part", "label", "kind", "template", "text"]


@dataclass(frozen=True, slots=True)
class WrittenPost:
    """A post with its `label`, one of LABELS, the finer `kind` (headline, pharmacy, ...) and the number of its template."""

    part: str
    label: str
    kind: str
    template: str
    text: str

    @property
    def held_out(self) -> bool:
        """Whether it is measured and not learned from."""
        return self.part == HELD


def read_posts(path: Path = FILE) -> list[WrittenPost]:
    """The shipped posts, or others of the same form. Raises AdrwatchError that names file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(
            f"{path} cannot be read: {type(error).__name__}", fix="give a file of UTF-8 text"
        ) from error
    posts = []
    for number, fields in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), start=1):
        if number == 1:
            if fields != _COLUMNS:
                raise AdrwatchError(f"{path}, line 1: no header {' '.join(_COLUMNS)}", fix="separate them with tabs")
        elif len(fields) != len(_COLUMNS) or fields[0] not in (LEARN, HELD) or fields[1] not in LABELS:
            raise AdrwatchError(
                f"{path}, line {number}: needs part ({LEARN}, {HELD}), label ({', '.join(LABELS)}), kind, template and text",
                fix="repair or remove the line; tabs part the five",
            )
        else:
            posts.append(WrittenPost(*fields))
    return posts

"""Posts that we wrote to teach and to measure the advert model: tab-separated label, kind, template, text.

Posts of one template differ in the medicine and a word or two. So they are parted by template: what is measured is never a
variant of what was learned.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError
from shared.screening.model import KINDS, PERSON

FILE = Path(__file__).with_name("posts.tsv")
LABELS = (PERSON, *KINDS)
_COLUMNS = ["label", "kind", "template", "text"]
# One template in so many is held out.
_PARTS = 4


@dataclass(frozen=True, slots=True)
class WrittenPost:
    """A post with its `label`, one of LABELS, the finer `kind` (headline, pharmacy, ...) and the number of its template."""

    label: str
    kind: str
    template: str
    text: str

    @property
    def held_out(self) -> bool:
        """Whether it is measured and not learned from; the same for all posts of a template."""
        return hashlib.blake2b(self.template.encode(), digest_size=1).digest()[0] % _PARTS == 0


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
        elif len(fields) != len(_COLUMNS) or fields[0] not in LABELS:
            raise AdrwatchError(
                f"{path}, line {number}: needs a label ({', '.join(LABELS)}), a kind, a template and a text",
                fix="repair or remove the line; tabs part the four",
            )
        else:
            posts.append(WrittenPost(*fields))
    return posts

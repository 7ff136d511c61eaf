"""The extractor's inputs and outputs: posts and parses in, spans of drugs, reactions and indications out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from shared.models.decode import Span, post_emissions, spans_of_posts
from shared.models.features import Encoded, FeatureBuilder, Reading
from shared.models.metadata import Metadata, load_metadata
from shared.text.parse import Parse

NAME = "adr_ner"
OUTPUT = "emissions"


class ExtractorFeatures:
    """Builds the extractor's batches and decodes its outputs. Holds no connection."""

    def __init__(self, metadata: Metadata, builder: FeatureBuilder) -> None:
        self.metadata = metadata
        self._builder = builder

    @classmethod
    def load(cls, folder: Path, name: str = NAME) -> ExtractorFeatures:
        """From the model's folder (metadata.json, tokenizer.json); raises AdrwatchError, ModelMismatch.

        `name`: that of the extractor of another language.
        """
        metadata, tokenizer = load_metadata(folder, name)
        return cls(metadata, FeatureBuilder(tokenizer, metadata.spec))

    @property
    def digest(self) -> str:
        """Models of one digest read the same of a post."""
        return self.metadata.digest

    def read(self, post: str, parse: Parse) -> Reading:
        """What the model reads of one post."""
        return self._builder.read(post, parse)

    def arrange(self, readings: Sequence[Reading]) -> Encoded:
        """Batches for the model, in the order in which `decode` wants its outputs."""
        return self._builder.arrange(readings)

    def encode(self, posts: Sequence[str], parses: Sequence[Parse]) -> Encoded:
        """Read and arrange."""
        return self._builder.encode(posts, parses)

    def decode(
        self, encoded: Encoded, outputs: Sequence[Mapping[str, NDArray[Any]]], posts: Sequence[str]
    ) -> list[list[Span]]:
        """Spans of each post, ordered by start; offsets count in the post's text. Types may overlap."""
        emissions = post_emissions(encoded, [output[OUTPUT] for output in outputs])
        return spans_of_posts(encoded.pieces, emissions, posts, self.metadata.types, self.metadata.outside_bias)

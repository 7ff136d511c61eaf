"""The JSON beside each served model: who it is, what it was trained to read, and how its outputs become decisions."""

from __future__ import annotations

from pathlib import Path

import msgspec
from tokenizers import Tokenizer

from shared.errors import AdrwatchError
from shared.models.features import FeatureSpec
from shared.models.repository import version_folder

METADATA = "metadata.json"
TOKENIZER = "tokenizer.json"


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """p = sigmoid(logit / temperature + bias), and the threshold of each policy by its name."""

    temperature: float
    bias: float
    policies: dict[str, float]


class Metadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One served model. `digest` is `FeatureSpec.digest` of the features it was trained with.

    `policies` (thresholds by name), `temperature`, `bias` belong to the classifier; so does `by_language`: what takes their place
    for posts of a language. `types`, `outside_bias` belong to the extractor.
    """

    name: str
    version: str
    digest: str
    parser: str
    buckets: tuple[int, ...]
    overlap: int
    word_characters: int
    labels: tuple[str, ...]
    tags: tuple[str, ...] = ()
    temperature: float = 1.0
    bias: float = 0.0
    types: tuple[str, ...] = ()
    outside_bias: tuple[float, ...] = ()
    policies: dict[str, float] = {}
    by_language: dict[str, Calibration] = {}

    def of_language(self, language: str) -> Metadata:
        """The same with the calibration and the thresholds of a language, where it has its own."""
        own = self.by_language.get(language)
        if own is None:
            return self
        return msgspec.structs.replace(self, temperature=own.temperature, bias=own.bias, policies=own.policies)

    @property
    def spec(self) -> FeatureSpec:
        """The feature settings alone."""
        return FeatureSpec(self.buckets, self.overlap, self.word_characters, self.labels, self.tags)


class ModelMismatch(AdrwatchError):
    """The model in the repository was trained on features that this program does not build."""


def load_metadata(folder: Path, expected: str) -> tuple[Metadata, Tokenizer]:
    """Read and check the metadata and the tokenizer of the model `expected`.

    `folder` is a version's, or the model's: then the active version is read. Raises ModelMismatch where the features of this
    program differ from those the model was trained on, AdrwatchError where a file is missing or unreadable.
    """
    fix = "mend ADRWATCH_MODEL_REPOSITORY, restore triton_models/ from git, or run `adrwatch models export`"
    folder = version_folder(folder)
    try:
        metadata = msgspec.json.decode((folder / METADATA).read_bytes(), type=Metadata)
        tokenizer_json = (folder / TOKENIZER).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise AdrwatchError(f"model folder {folder} lacks {Path(error.filename).name}", fix=fix) from error
    except msgspec.DecodeError as error:
        raise AdrwatchError(f"{folder / METADATA} is not valid: {error}", fix=fix) from error
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"model folder {folder} cannot be read: {error}", fix=fix) from error
    if metadata.name != expected:
        raise ModelMismatch(f"{folder} holds {metadata.name}, not {expected}", fix="check the model folder's path")
    digest = metadata.spec.digest(tokenizer_json, metadata.parser)
    if digest != metadata.digest:
        raise ModelMismatch(
            f"{metadata.name} {metadata.version} was trained on features {metadata.digest}, this program builds {digest}",
            fix="retrain with `adrwatch train`, or use the program's version that the model was released with",
        )
    return metadata, Tokenizer.from_str(tokenizer_json)


def check_served(metadata: Metadata, number: int, parameters: dict[str, str]) -> None:
    """Compare version `number` here with the `parameters` of the model that a server has loaded (its config.pbtxt).

    Raises ModelMismatch where version or features differ: the server and this program have different folders.
    """
    for key, ours in (("version", metadata.version), ("digest", metadata.digest)):
        theirs = parameters.get(f"{key}.{number}", "none")
        if theirs != ours:
            raise ModelMismatch(
                f"the server's {metadata.name}/{number} has {key} {theirs}, this program expects {ours}",
                fix="point the server and ADRWATCH_MODEL_REPOSITORY at the same triton_models/, then restart both",
            )


def check_parser(metadata: Metadata, version: str) -> None:
    """Raises ModelMismatch where posts would be parsed by another parser than in training."""
    if version != metadata.parser:
        raise ModelMismatch(
            f"{metadata.name} was trained on parses of {metadata.parser}, this machine parses with {version}",
            fix="install the pinned parser package (pip install -e .), or retrain",
        )

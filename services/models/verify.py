"""Whether a version may be served: its files, its features, its graph, its answers. Runs the graphs in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.models.versions import all_versions, load
from shared.errors import AdrwatchError
from shared.models.configuration import FEATURES, MODELS, Features, signature
from shared.models.metadata import check_parser
from shared.models.release import CANARY_POSTS, answers, differences, digests, read_release
from shared.models.repository import HALF_GRAPH, whole_versions
from shared.models.session import OnnxModel
from shared.text.parse import Parser, default_parser

_KINDS = {"TYPE_INT32": "tensor(int32)", "TYPE_INT64": "tensor(int64)", "TYPE_FP32": "tensor(float)"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `wrong` is empty where it is as it should be."""

    model: str
    name: str
    wrong: str = ""


def verify(repository: Path, number: int) -> Iterator[Check]:
    """All checks of a version, one after another; those that need what is broken are left out."""
    if number not in whole_versions(repository, MODELS):
        lacking = [name for name in MODELS if not (repository / name / str(number)).is_dir()]
        yield Check("both", "pair", f"there is no {' and no '.join(f'{name}/{number}' for name in lacking)}")
        return
    yield Check("both", "name", _other_of_the_name(repository, number))
    parser = default_parser()
    for name in MODELS:
        yield from _model(repository / name / str(number), name, parser)


def _model(folder: Path, name: str, parser: Parser) -> Iterator[Check]:
    steps: list[tuple[str, Callable[[], str]]] = [
        ("files", lambda: _files(folder)),
        ("features", lambda: _features(folder, name, parser)),
        ("graph", lambda: _graph(folder, name)),
        ("canaries", lambda: _canaries(folder, name, parser)),
        ("independence of the batch", lambda: _independence(folder, name, parser)),
    ]
    if (folder / HALF_GRAPH).is_file():
        steps.append(("graph for GPUs", lambda: _half(folder, name, parser)))
    for step, look in steps:
        try:
            wrong = look()
        except AdrwatchError as error:
            wrong = error.message
        except Exception as error:  # noqa: BLE001 - onnxruntime has an error class for each code, with no common ancestor
            wrong = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        yield Check(name, step, wrong)
        if wrong and step != "files":
            return


def _other_of_the_name(repository: Path, number: int) -> str:
    there = {version.number: version.name for version in all_versions(repository)}
    same = [other for other, name in there.items() if other != number and name and name == there[number]]
    return f"version {same[0]} is also called {there[number]}: nobody could tell their mentions apart" if same else ""


def _files(folder: Path) -> str:
    recorded, found = read_release(folder).files, digests(folder)
    changed = sorted(name for name in recorded.keys() | found.keys() if recorded.get(name) != found.get(name))
    return f"not as they were recorded: {', '.join(changed)}" if changed else ""


def _features(folder: Path, name: str, parser: Parser) -> str:
    check_parser(FEATURES[name].load(folder).metadata, parser.version)
    return ""


def _graph(folder: Path, name: str) -> str:
    return _tensors(FEATURES[name].load(folder), OnnxModel.of_folder(folder))


def _tensors(features: Features, graph: OnnxModel) -> str:
    wanted = [(one.name, _KINDS[one.kind], one.dims) for one in signature(features)]
    return f"has the tensors {graph.tensors}, the features need {wanted}" if graph.tensors != wanted else ""


def _canaries(folder: Path, name: str, parser: Parser) -> str:
    return _against_record(folder, FEATURES[name].load(folder), OnnxModel.of_folder(folder), parser)


def _half(folder: Path, name: str, parser: Parser) -> str:
    features, graph = FEATURES[name].load(folder), OnnxModel(folder / HALF_GRAPH)
    return _tensors(features, graph) or _against_record(folder, features, graph, parser)


def _against_record(folder: Path, features: Features, graph: OnnxModel, parser: Parser) -> str:
    expected = read_release(folder).canaries
    found = answers(features, graph.infer, [canary.text for canary in expected], parser)
    return "; ".join(differences(expected, found))


def _independence(folder: Path, name: str, parser: Parser) -> str:
    features, graph = FEATURES[name].load(folder), OnnxModel.of_folder(folder)
    together = answers(features, graph.infer, CANARY_POSTS * 3, parser)
    alone = [answers(features, graph.infer, [post], parser)[0] for post in CANARY_POSTS] * 3
    unequal = sum(one != other for one, other in zip(together, alone, strict=True))
    return f"{unequal} of {len(alone)} answers change with the posts around them" if unequal else ""


def same_tensors(repository: Path, one: int, other: int) -> bool:
    """Whether two versions can stand side by side in one server: it has one configuration a model."""
    pairs = zip(load(repository, one), load(repository, other), strict=True)
    return all(signature(first) == signature(second) for first, second in pairs)

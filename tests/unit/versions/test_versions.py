"""Versions of the models without a server: what is found, what is refused, what the command says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig
from typer.testing import CliRunner, Result

from services.cli import build
from services.models.roll import Refused, activate, roll_back
from services.models.verify import Check, verify
from services.models.versions import all_versions, find
from shared.errors import AdrwatchError
from shared.models.configuration import MODELS
from shared.models.metadata import METADATA, load_metadata
from shared.models.repository import Active, read_active, replace_file
from shared.triton_security import TritonAddress
from tests.versions import SHIPPED, add_version, break_graph, copy_of, new_repository, turn_answers


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_repository(tmp_path_factory.mktemp("made") / "models")
    add_version(folder, 2, "2027.1.0")
    return folder


@pytest.fixture
def repository(made: Path, tmp_path: Path) -> Path:
    """Versions 1 and 2; 1 is active."""
    return copy_of(made, tmp_path / "models")


def wrong(repository: Path, number: int) -> list[Check]:
    return [check for check in verify(repository, number) if check.wrong]


def served(repository: Path, model: str) -> list[int]:
    config = text_format.Parse((repository / model / "config.pbtxt").read_text(), ModelConfig())
    return list(config.version_policy.specific.versions)


def command(*words: str) -> Result:
    return CliRunner().invoke(build(), ["models", *words])


def silent(text: str) -> None:
    """Nobody reads along."""


def test_a_version_that_is_as_it_was_made_passes_every_check(repository: Path) -> None:
    checks = list(verify(repository, 2))
    assert [check for check in checks if check.wrong] == []
    assert {check.name for check in checks} == {
        "name", "files", "features", "graph", "canaries", "independence of the batch",
    }  # fmt: skip


def test_a_file_that_was_changed_after_it_was_recorded_is_named(repository: Path) -> None:
    file = repository / "adr_ner" / "2" / METADATA
    file.write_bytes(file.read_bytes() + b"\n")
    assert wrong(repository, 2) == [Check("adr_ner", "files", "not as they were recorded: metadata.json")]


def test_a_graph_that_cannot_be_loaded_is_named(repository: Path) -> None:
    break_graph(repository / "adr_classifier" / "2")
    (check,) = wrong(repository, 2)
    assert (check.model, check.name) == ("adr_classifier", "graph")
    assert "no graph that onnxruntime runs" in check.wrong


def test_a_graph_of_other_tensors_is_named(repository: Path) -> None:
    other = repository / "adr_classifier" / "1" / "model.onnx"
    replace_file(repository / "adr_ner" / "2" / "model.onnx", other.read_bytes())
    assert [(check.model, check.name) for check in wrong(repository, 2)] == [("adr_ner", "files"), ("adr_ner", "graph")]


def test_a_graph_that_answers_otherwise_than_was_recorded_is_named(repository: Path) -> None:
    turn_answers(repository / "adr_classifier" / "2")
    (check,) = wrong(repository, 2)
    assert (check.model, check.name) == ("adr_classifier", "canaries")
    assert "recorded" in check.wrong


def test_two_versions_of_one_name_cannot_be_told_apart(repository: Path) -> None:
    add_version(repository, 3, "2027.1.0")
    assert wrong(repository, 3) == [
        Check(
            "both", "name", "version 2 is also called 2027.1.0+2027.1.0: nobody could tell their mentions apart"
        )
    ]  # fmt: skip


def test_a_version_is_named_by_number_by_both_names_or_by_the_one_that_both_have(repository: Path) -> None:
    assert [find(repository, name) for name in ("2", "2027.1.0", "2027.1.0+2027.1.0", "")] == [2, 2, 2, 1]
    with pytest.raises(AdrwatchError, match="9 is no version"):
        find(repository, "9")
    add_version(repository, 3, "2027.1.0")
    with pytest.raises(AdrwatchError, match="name of several"):
        find(repository, "2027.1.0")


def test_files_alone_are_activated_and_rolled_back_without_a_server(repository: Path) -> None:
    activate(repository, 2, (), 0, silent)
    assert read_active(repository) == Active(2, (1,))
    assert [served(repository, model) for model in MODELS] == [[2], [2]]
    assert roll_back(repository, (), 0, silent) == 1
    assert read_active(repository) == Active(1)
    assert [served(repository, model) for model in MODELS] == [[1], [1]]


def test_a_command_that_ends_in_the_middle_leaves_one_active_version_and_is_finished_by_another(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("services.models.roll._drained", lambda *_: pytest.fail("the machine goes down"))
        with pytest.raises(pytest.fail.Exception):
            activate(repository, 2, (), 0, silent)
    assert read_active(repository) == Active(2, (1,))
    assert [served(repository, model) for model in MODELS] == [[1, 2], [1, 2]]
    activate(repository, 2, (), 0, silent)
    assert read_active(repository) == Active(2, (1,))
    assert [served(repository, model) for model in MODELS] == [[2], [2]]


def test_a_version_that_fails_a_check_is_refused_and_no_file_changes(repository: Path) -> None:
    break_graph(repository / "adr_ner" / "2")
    before = {file: file.read_bytes() for file in repository.rglob("*.pbtxt")}
    with pytest.raises(Refused, match="version 2 is not activated: adr_ner, graph"):
        activate(repository, 2, (), 0, silent)
    assert read_active(repository) == Active(1)
    assert {file: file.read_bytes() for file in repository.rglob("*.pbtxt")} == before


def test_a_version_that_has_become_unreadable_can_be_left(repository: Path) -> None:
    activate(repository, 2, (), 0, silent)
    (repository / "adr_ner" / "2" / METADATA).unlink()
    roll_back(repository, (), 0, silent)
    assert [served(repository, model) for model in MODELS] == [[1], [1]]


def test_versions_of_other_tensors_cannot_stand_side_by_side_in_a_server(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.models.roll.verify", lambda *_: iter(()))
    file = repository / "adr_ner" / "2" / METADATA
    metadata = json.loads(file.read_text())
    types = [*metadata["types"], "severity"]
    file.write_text(json.dumps({**metadata, "types": types, "outside_bias": [0.0] * len(types)}))
    with pytest.raises(Refused, match="other tensors than version 1"):
        activate(repository, 2, [TritonAddress("127.0.0.1:1")], 0, silent)
    assert read_active(repository) == Active(1)
    activate(repository, 2, (), 0, silent)
    config = text_format.Parse((repository / "adr_ner" / "config.pbtxt").read_text(), ModelConfig())
    assert list(config.output[0].dims) == [-1, 3 * len(types)]


def test_a_server_that_does_not_answer_changes_nothing(repository: Path) -> None:
    with pytest.raises(AdrwatchError, match=r"Triton at 127\.0\.0\.1:1") as refusal:
        activate(repository, 2, [TritonAddress("127.0.0.1:1")], 0, silent)
    assert "--offline" in refusal.value.fix
    assert read_active(repository) == Active(1)


def test_the_list_tells_a_machine_what_a_person_reads(repository: Path) -> None:
    (repository / "adr_ner" / "2" / "release.json").unlink()
    recorded = command("record", "1", "--repository", str(repository), "--score", "adr_classifier.f1=0.5")
    assert recorded.exit_code == 0
    found = json.loads(command("list", "--json", "--repository", str(repository)).stdout)
    first, second = found["versions"]
    assert (found["active"], first["active"], second["active"]) == (1, True, False)
    assert first["scores"] == {"adr_classifier f1": 0.5}
    assert first["exported_at"]
    assert "no release.json" in second["trouble"]


def test_verify_ends_with_1_where_something_is_wrong(repository: Path) -> None:
    break_graph(repository / "adr_ner" / "2")
    good, bad = (command("verify", number, "--json", "--repository", str(repository)) for number in ("1", "2"))
    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert [check["check"] for check in json.loads(bad.stdout)["checks"] if check["wrong"]] == ["graph"]


@pytest.mark.parametrize("score", ["f1=0.5", "adr_ner.f1=good", "adr_ner.f1", "other.f1=0.5"])
def test_a_score_that_is_none_is_refused(repository: Path, score: str) -> None:
    result = command("record", "1", "--repository", str(repository), "--score", score)
    assert isinstance(result.exception, AdrwatchError)
    assert "no score" in result.exception.message


def test_the_names_of_all_versions_are_those_that_mentions_carry(repository: Path) -> None:
    shipped = next(one for one in all_versions(SHIPPED) if one.number == read_active(SHIPPED).version)
    assert [one.name for one in all_versions(repository)] == [shipped.name, "2027.1.0+2027.1.0"]
    parts = [load_metadata(repository / name / "1", name)[0].version for name in MODELS]
    assert shipped.name == "+".join(parts)

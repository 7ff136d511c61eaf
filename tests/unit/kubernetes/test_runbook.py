"""The commands of docs/runbooks/kubernetes.md: kubectl has them, and what they name is in the overlays."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess

import pytest

from tests import docs_pages
from tests.docs_pages import Line
from tests.unit.kubernetes.kubectl import kubectl
from tests.unit.kubernetes.rendered import MANIFESTS, OVERLAYS, ROOT, objects, workloads

PAGE = ROOT / "docs" / "runbooks" / "kubernetes.md"
LINES = [line for line in docs_pages.lines(PAGE) if line.words and line.words[0] == "kubectl"]
# What a page asks for where others are: with their values they would be no options of kubectl.
OF_OTHERS = "--"


def asked(line: Line) -> tuple[str, ...]:
    """What is kubectl's of the line: of `exec`, what comes before the command."""
    words = line.words[1:]
    return words[: words.index(OF_OTHERS)] if OF_OTHERS in words else words


@functools.cache
def said(*words: str) -> str:
    program = kubectl()[0]
    if not program.endswith("kubectl"):
        program = shutil.which("kubectl") or pytest.fail("this needs kubectl itself")
    return subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout


def command_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that name the command, such as `rollout status`."""
    deeper = {"rollout": 2, "config": 2, "create": 3}
    return words[: deeper.get(words[0], 1)]


def options(words: tuple[str, ...]) -> list[str]:
    """Options by themselves: `-it` are two."""
    given = [word.split("=")[0] for word in words if word.startswith("-")]
    return [
        one for word in given for one in ([word] if word.startswith("--") else [f"-{letter}" for letter in word[1:]])
    ]


def test_every_command_is_one_of_kubectl_with_options_that_it_has() -> None:
    assert len(LINES) > 20
    everywhere = said("options")
    for line in LINES:
        words = asked(line)
        help_text = said(*command_of(words), "--help")
        assert f"kubectl {' '.join(command_of(words))}" in help_text, line.place
        for option in options(words):
            known = rf"(^|[\s,]){re.escape(option)}(=|,|\s)"
            assert re.search(known, help_text + everywhere, re.MULTILINE), f"{line.place}: {option}"


def test_every_folder_that_is_applied_has_manifests() -> None:
    applied = [line.words[line.words.index("-k") + 1] for line in LINES if "-k" in line.words]
    assert len(applied) > 5
    for folder in applied:
        assert (ROOT / folder / "kustomization.yaml").is_file(), folder


def test_what_is_waited_for_scaled_or_entered_is_there() -> None:
    there = {f"{one['kind'].lower()}/{one['metadata']['name']}" for overlay in OVERLAYS[:2] for one in objects(overlay)}
    pods = {
        f"{one.name}-0" for overlay in OVERLAYS[:2] for one in workloads(overlay) if one.thing["kind"] == "StatefulSet"
    }
    named = 0
    for line in LINES:
        for word in asked(line):
            if re.fullmatch(r"(job|statefulset|deployment|service)/\S+", word):
                assert word in there, line.place
                named += 1
        if asked(line)[0] in ("exec", "port-forward"):
            target = next(word for word in asked(line)[1:] if not word.startswith("-"))
            assert target in there | pods, line.place
            named += 1
        if asked(line)[:2] == ("delete", "job"):
            assert f"job/{asked(line)[2]}" in there, line.place
    assert named > 15


def test_the_labels_of_namespaces_are_those_that_policies_let_in() -> None:
    let_in = {
        f"{key}={value}"
        for policy in objects("cpu", "NetworkPolicy")
        for rule in policy["spec"].get("ingress", [])
        for peer in rule["from"]
        for key, value in peer.get("namespaceSelector", {}).get("matchLabels", {}).items()
    }
    told = {word for line in LINES if asked(line)[:2] == ("label", "namespace") for word in asked(line) if "=" in word}
    assert told == let_in


def test_the_secrets_that_the_page_makes_are_those_of_the_example() -> None:
    text = PAGE.read_text()
    names = re.search(r"for name in ([A-Z ]+); do echo \"ADRWATCH_\$\{name\}_SECRET", text)
    assert names is not None
    example = (MANIFESTS / "overlays" / "small" / "secrets.env.example").read_text()
    assert [f"ADRWATCH_{name}_SECRET" for name in names[1].split()] == re.findall(r"^(\w+)=", example, re.MULTILINE)

"""Every command line of README.md and the docs is one that adrwatch, make and Docker Compose take today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from typer.exceptions import TyperException

from services.cli import build, usage
from shared.settings import PACKAGE_ROOT
from tests import docs_pages
from tests.docs_pages import Line

LINES = [line for page in docs_pages.pages() for line in docs_pages.lines(page)]
# What stands for a number of the reader's own.
PLACEHOLDERS = {"NUMBER": "2"}
MAKEFILE = (PACKAGE_ROOT / "Makefile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((PACKAGE_ROOT / "docker-compose.yml").read_text())["services"]


def leaves(command: Any) -> Iterator[Any]:
    for one in getattr(command, "commands", {}).values():
        yield from leaves(one)
    if not hasattr(command, "commands"):
        yield command


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Reads a command line as adrwatch does, types and all, and stops before the command is run."""
    tree = typer.main.get_command(build())
    for command in leaves(tree):
        monkeypatch.setattr(command, "callback", lambda **_: None)

    def take(words: tuple[str, ...]) -> str | None:
        try:
            tree(args=[PLACEHOLDERS.get(word, word) for word in words], prog_name="adrwatch", standalone_mode=False)
        except TyperException as error:
            wrong = usage(error)
            # Whether a file is there is a matter of the reader's machine.
            return None if wrong.endswith("does not exist") else wrong
        return None

    return take


def own(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """The arguments for adrwatch, also where a container or a pod runs it."""
    if words[:1] == ("adrwatch",):
        return words[1:]
    if words[:3] == ("docker", "compose", "run") and "tar" not in words:
        service = next(place for place, word in enumerate(words) if word in COMPOSE)
        return words[service + 1 :]
    if words[:2] == ("kubectl", "exec") and words[words.index("--") + 1] == "adrwatch":
        return words[words.index("--") + 2 :]
    return None


def test_every_block_with_commands_says_that_it_is_shell() -> None:
    assert {str(page): blocks for page in docs_pages.pages() if (blocks := docs_pages.unmarked(page))} == {}


def test_every_command_is_one_that_there_is_with_options_that_it_has(take: Any) -> None:
    checked = [(line, take(words)) for line in LINES if (words := own(line.words)) is not None]
    assert len(checked) > 200
    assert [f"{line.place}: {wrong}" for line, wrong in checked if wrong] == []


def test_a_wrong_command_is_found(take: Any) -> None:
    assert take(("alerts", "lits"))
    assert take(("alerts", "list", "--sicne", "7d"))
    assert take(("alerts", "show"))
    assert take(("up", "--pipeline", "many"))
    assert take(("alerts", "list")) is None


def test_every_target_of_make_exists_with_the_variables_that_it_is_given() -> None:
    for line in LINES:
        if line.words[:1] != ("make",):
            continue
        for word in line.words[1:]:
            name, given, _ = word.partition("=")
            pattern = rf"\$\({name}\)|^{name} \?=" if given else rf"^{name}:"
            assert re.search(pattern, MAKEFILE, re.MULTILINE), line.place


def test_every_service_of_docker_compose_exists() -> None:
    for line in LINES:
        if line.words[:3] == ("docker", "compose", "run"):
            assert set(line.words) & set(COMPOSE), line.place
        for scaled in re.findall(r"--scale (\w+)=", " ".join(line.words)):
            assert scaled in COMPOSE, line.place


def test_every_module_that_is_run_exists() -> None:
    modules = [(line, line.words[2]) for line in LINES if line.words[:2] == ("python", "-m")]
    assert modules
    for line, module in modules:
        assert find_spec(module) is not None, line.place


def commands_in_prose(page: Path) -> Iterator[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`adrwatch ([^`]+)`", text)


def test_every_command_in_a_sentence_exists_with_its_options() -> None:
    tree = typer.main.get_command(build())
    for page in docs_pages.pages():
        for told in commands_in_prose(page):
            command: Any = tree
            words = told.split()
            while words and (inner := getattr(command, "commands", {}).get(words[0])):
                command = inner
                words = words[1:]
            group = bool(getattr(command, "commands", None))
            assert not (group and words and words[0].islower()), f"{page.name}: there is no `adrwatch {told}`"
            known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
            options = {word.split("=")[0] for word in words if word.startswith("--")}
            assert group or options <= known, f"{page.name}: `adrwatch {told}`"


def line_of(text: str) -> list[Line]:
    return list(docs_pages._simple("page", 1, text))


def test_lines_are_taken_apart_like_a_shell_does() -> None:
    (line,) = line_of('A=1 adrwatch x "two words" > file   # `why`')
    assert (line.words, line.variables, line.output) == (("adrwatch", "x", "two words"), {"A": "1"}, "file")
    first, second = line_of("adrwatch x && adrwatch y")
    assert (first.words, second.words) == (("adrwatch", "x"), ("adrwatch", "y"))
    assert line_of("# only a comment") == []

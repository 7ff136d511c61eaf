"""Commands of README.md and the docs are run as they stand, in the order of their page, on a real instance."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from shared import settings
from shared.settings import PACKAGE_ROOT
from shared.topics import MENTIONS, OUTCOMES
from tests import docs_pages, topics
from tests.docs_pages import Line
from tests.e2e.docs import files
from tests.e2e.docs.instance import running
from tests.receivers import HttpReceiver

ONLY_PARSED: dict[str, str] = tomllib.loads((Path(__file__).parent / "only_parsed.toml").read_text())
# Every example of it is run by tests/integration/test_analysts_page.py, on a Kafka with users.
ELSEWHERE = PACKAGE_ROOT / "docs" / "analysts.md"
PAGES = {page: lines for page in docs_pages.pages() if page != ELSEWHERE and (lines := list(docs_pages.lines(page)))}
# Of what is not adrwatch: what makes the files that the commands beside it read.
SHELL = ("printf", "chmod")


def excepted(line: Line) -> list[str]:
    """The entries of only_parsed.toml that take the line out."""
    words = " ".join(line.words)
    return [beginning for beginning in ONLY_PARSED if f"{words} ".startswith(f"{beginning} ")]


def to_run(lines: list[Line]) -> list[Line]:
    return [
        line for line in lines if line.words and line.words[0] in ("adrwatch", "export", *SHELL) and not excepted(line)
    ]


_IMPORT = "background import faers_ascii_2025q3.zip --store background.duckdb"
# What a reader of the page has done on others.
BEFORE = {
    "commands": (_IMPORT,),
    "signals": (_IMPORT, "background export hospital.parquet --store background.duckdb"),
}
RUN = {
    page: chosen
    for page, lines in PAGES.items()
    if any(line.words[0] == "adrwatch" for line in to_run(lines))
    for chosen in [to_run(lines)]
}


@dataclass(frozen=True)
class Place:
    """Where a page is read: a folder of its own, and the environment of the instance."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str, **variables: str) -> str:
        """What a command prints. Fails where it does not end well."""
        settings.current.cache_clear()
        environment = {**self.environment, **variables}
        # Where it asks whether to go on, the reader says yes.
        done = CliRunner().invoke(build(), list(words), input="y\n", env=environment, prog_name="adrwatch")
        said = f"{done.exception!r}\n{done.output}" if done.exit_code else done.output
        assert done.exit_code == 0, f"adrwatch {' '.join(words)}: exit code {done.exit_code}\n{said}"
        return done.stdout


@pytest.fixture(scope="module")
def instance(
    tmp_path_factory: pytest.TempPathFactory, kafka: str, redis_url: str, triton: str
) -> Iterator[Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("instance")
    with running(folder, kafka, redis_url, triton, f"docs-{os.urandom(6).hex()}") as environment:
        yield environment


@pytest.fixture
def place(instance: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A folder with the files that pages name."""
    receiver = HttpReceiver()
    files.make(tmp_path, receiver.url)
    found = topics.records(instance["ADRWATCH_KAFKA_BOOTSTRAP"], MENTIONS.name(instance["ADRWATCH_TOPIC_PREFIX"]))
    files.mentions(tmp_path, [record.value for record in found if record.value])
    monkeypatch.chdir(tmp_path)
    environment = {**instance, "DESK_SECRET": "a secret of sixteen bytes", "COLUMNS": "200"}
    yield Place(tmp_path, environment)
    settings.current.cache_clear()
    receiver.stop()


def test_each_line_is_run_or_says_why_not() -> None:
    lines = [line for lines in PAGES.values() for line in lines]
    assert sum(map(len, RUN.values())) > 100
    needed = {entry for line in lines for entry in excepted(line)}
    assert needed == set(ONLY_PARSED), "these begin no command of the docs"
    assert [line.place for line in lines if len(excepted(line)) > 1] == [], "more than one reason"


@pytest.mark.parametrize("page", RUN, ids=[page.stem for page in RUN])
def test_the_commands_of_a_page_do_what_it_says(page: Path, place: Place, instance: Mapping[str, str]) -> None:
    ids = Ids(place)
    if page.stem in ("cases", "safety-teams"):  # These and the page of commands move the same case and signal.
        place.environment.update(
            ADRWATCH_DATABASE_URL=f"sqlite:///{place.folder}/cases.sqlite",
            ADRWATCH_AUDIT_ANCHORS=f"{place.folder}/head",
        )
    if page.stem == "commands":  # Each of its examples stands alone, on an instance that has both.
        place.environment.update(ADRWATCH_SOURCES_FILE="sources.toml", ADRWATCH_NOTIFIERS_FILE="notifiers.toml")
    for words in BEFORE.get(page.stem, ()):
        place.run(*words.split())
    for line in RUN[page]:
        if line.words[0] == "export":
            given = dict(word.split("=", 1) for word in line.words[1:])
            # The page's addresses of servers are those of others.
            own = {name: value for name, value in given.items() if "…" not in value and name not in instance}
            place.environment.update(own)
            continue
        if line.words[0] in SHELL:
            subprocess.run(["bash", "-c", line.text], cwd=place.folder, check=True)
            continue
        try:
            out = place.run(*ids.own(line.words[1:]), **line.variables)
        except AssertionError as error:
            raise AssertionError(f"{line.place}\n{error}") from None
        if line.output:
            Path(line.output).write_text(out)


class Ids:
    """What stands on a page for an id of the reader's own, and for ids of the sample that are not those of this instance."""

    SIGNALS = frozenset({"ID", "4f0c1d2e3b5a69788796"})
    OTHERS = frozenset({"OTHER", "9b1de0c2a7f34e5d6c8a"})
    ITEMS = frozenset({"ITEM", "2a572d25309cd2184f6f"})

    def __init__(self, place: Place) -> None:
        self._place = place
        self._known: dict[str, list[str]] = {}

    def own(self, words: tuple[str, ...]) -> list[str]:
        """The words with ids that there are."""
        return [self._own(words[0], word) for word in words]

    def _own(self, group: str, word: str) -> str:
        if word in self.SIGNALS:
            return self._case(0) if group == "cases" else self._alerts("disproportionality")[0]
        if word in self.OTHERS:
            return self._case(1)
        if word in self.ITEMS:
            return self._alerts("single_report")[0]
        if word == "0f3c…":
            return self._author()
        if word == "adr.posts:2:1204:screen":
            return json.loads(self._place.run("dead-letters", "list", "--json"))[0]["id"]
        return word

    def _alerts(self, kind: str) -> list[str]:
        if kind not in self._known:
            out = self._place.run("alerts", "list", "--kind", kind, "--json")
            self._known[kind] = sorted(json.loads(line)["id"] for line in out.splitlines())
        return self._known[kind]

    def _author(self) -> str:
        """The hash of somebody whose one post says nothing of a reaction."""
        kafka, prefix = (self._place.environment[f"ADRWATCH_{name}"] for name in ("KAFKA_BOOTSTRAP", "TOPIC_PREFIX"))
        outcomes = (json.loads(record.value) for record in topics.records(kafka, OUTCOMES.name(prefix)) if record.value)
        return next(one["author"] for one in outcomes if one["post_id"] == "sample:1003")

    def _case(self, number: int) -> str:
        """The case of an item, opened where it is not."""
        return json.loads(self._place.run("cases", "open", self._alerts("single_report")[number], "--json"))["id"]

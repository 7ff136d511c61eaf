from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from services.vocabulary import cli
from services.vocabulary.coverage import rows
from shared.errors import AdrwatchError

APP = Typer()
cli.register(APP)


def counted(*arguments: str) -> dict[str, int]:
    result = CliRunner().invoke(APP, ["vocabulary", "coverage", *arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_posts_that_name_a_medicine_are_counted_by_column_and_value(tmp_path: Path) -> None:
    file = tmp_path / "posts.tsv.xz"
    lines = ["text\tlabel", "zoloft day\t1", "nothing here\t1", "advil\t0"]
    file.write_bytes(lzma.compress("\n".join(lines).encode()))
    assert counted(str(file)) == {"total": 3, "named": 2, "none": 1}
    assert counted(str(file), "--where", "label=1") == {"total": 2, "named": 1, "none": 1}


def test_phrases_of_a_file_without_a_header_are_counted_by_step(tmp_path: Path) -> None:
    file = tmp_path / "phrases.tsv"
    file.write_text("1\tpuking\n2\tpurple bicycle\n")
    assert counted(str(file), "--column", "2", "--phrases") == {"total": 2, "phrase": 1, "none": 1}


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    file = tmp_path / "posts.csv"
    file.write_text("body,label\nzoloft,1\n")
    with pytest.raises(AdrwatchError, match=r"text.*body, label"):
        list(rows(file, "text", None))


def test_a_post_in_the_place_of_a_header_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "posts.tsv"
    file.write_text("1\tday three on zoloft and still no sleep\n2\tadvil again\n")
    with pytest.raises(AdrwatchError, match="not a header") as caught:
        list(rows(file, "text", None))
    assert "zoloft" not in str(caught.value)

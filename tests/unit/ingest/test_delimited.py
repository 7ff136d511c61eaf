from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.ingest.delimited import Dialect, Quotes, join, split
from services.ingest.source import RawPost
from tests.unit.ingest.samples import ids, read_text, rejects

CSV = Dialect(",", unwrap_all=True)
TSV = Dialect("\t", unwrap_all=False)
TIME = "2026-03-01T08:00:00Z"

letters = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=30)


@given(st.lists(letters, min_size=1, max_size=5), st.sampled_from([CSV, TSV]))
def test_fields_that_are_joined_are_split_into_the_same_fields(fields: list[str], dialect: Dialect) -> None:
    assert split(join(fields, dialect), dialect) == fields


@given(st.lists(letters, min_size=2, max_size=5))
def test_records_of_the_standard_writer_are_read_as_they_were_meant(fields: list[str]) -> None:
    written = io.StringIO()
    csv.writer(written).writerow(fields)
    assert split(written.getvalue().removesuffix("\r\n"), CSV) == fields


def test_an_open_quote_and_letters_after_a_closing_quote_are_told_apart() -> None:
    assert split('1,"open', CSV) is Quotes.OPEN
    assert split('1,"closed" too soon,2', CSV) is Quotes.BAD


def test_quotes_of_a_tsv_that_escapes_are_taken_off_and_typed_ones_are_kept(tmp_path: Path) -> None:
    content = f'id\ttext\ttime\n1\t"he said ""stop"" it"\t{TIME}\n2\t"a quoted post"\t{TIME}\n3\t"broken off\t{TIME}\n'
    posts = read_text(tmp_path, "posts.tsv", content)
    assert [post.text for post in posts if isinstance(post, RawPost)] == [
        'he said "stop" it',
        '"a quoted post"',
        '"broken off',
    ]


def test_a_quoted_header_means_that_all_quotes_are_the_writers(tmp_path: Path) -> None:
    content = f'"id"\t"text"\t"time"\n"1"\t"a post"\t"{TIME}"\n'
    [post] = read_text(tmp_path, "posts.tsv", content)
    assert isinstance(post, RawPost)
    assert (post.native_id, post.text) == ("1", "a post")


@pytest.mark.parametrize("name", ["posts.csv", "posts.tsv"])
def test_a_quoted_text_may_go_over_lines(tmp_path: Path, name: str) -> None:
    mark = "," if name.endswith("csv") else "\t"
    content = f'id,text,time\n1,"line one\n\nline two, and "" three",{TIME}\n2,next,{TIME}\n'.replace(",", mark)
    posts = read_text(tmp_path, name, content)
    assert ids(posts) == ["1", "2"]
    assert isinstance(posts[0], RawPost)
    assert posts[0].text == f'line one\n\nline two{mark} and " three'
    assert [post.origin.line for post in posts] == [2, 5]


def test_a_quoted_text_in_the_last_column_may_go_over_lines(tmp_path: Path) -> None:
    posts = read_text(tmp_path, "posts.tsv", f'id\ttime\ttext\n1\t{TIME}\t"first\nsecond"\n2\t{TIME}\tnext\n')
    assert [post.text for post in posts if isinstance(post, RawPost)] == ["first\nsecond", "next"]


@pytest.mark.parametrize(
    "broken",
    ['9,"never closed,2026-03-01', '9,"open', '"', "9", ",,,,,", '9,"a" b,"c', "9,x,y,z,w", '9,"x\nsecond line'],
)
def test_a_broken_line_of_a_csv_takes_no_neighbour_with_it(tmp_path: Path, broken: str) -> None:
    content = f"id,text,time\n1,before,{TIME}\n{broken}\n2,after,{TIME}\n3,last,{TIME}\n"
    found = read_text(tmp_path, "posts.csv", content)
    assert [name for name in ids(found) if name != "9"] == ["1", "2", "3"]
    assert len(found) > 3, "the broken line itself vanished"


def test_a_file_that_ends_inside_a_quote_loses_only_that_record(tmp_path: Path) -> None:
    found = read_text(tmp_path, "posts.csv", f'id,text,time\n1,fine,{TIME}\n2,"open,{TIME}\n3,fine,{TIME}\n4,"open')
    assert ids(found) == ["1", "2", "3"]
    assert rejects(found) == [(5, "field-count")]


words = st.text("ab \"',;\té", min_size=1, max_size=12)
broken_lines = st.one_of(
    st.text('ab" ', min_size=1, max_size=8),
    st.builds(lambda text: f'9\t"{text}', st.text("ab ", max_size=8)),
    st.builds(lambda text: f"9\t{text}\tno time", st.text('ab "', max_size=8)),
    st.just("9\t\t\t\t"),
)


@given(
    st.lists(st.one_of(st.tuples(st.just(True), words), st.tuples(st.just(False), broken_lines)), max_size=12),
    st.booleans(),
)
@example([(True, '"'), (False, '9\t"\tno time')], False)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_every_whole_line_of_a_tsv_is_read_whatever_stands_between(
    tmp_path: Path, lines: list[tuple[bool, str]], text_last: bool
) -> None:
    written, expected = [], []
    for number, (whole, text) in enumerate(lines):
        if whole:
            text = text.replace("\t", " ")
            written.append(f"{number}\t{TIME}\t{text}" if text_last else f"{number}\t{text}\t{TIME}")
            expected.append((str(number), text))
        else:
            written.append(text)
    header = "id\ttime\ttext" if text_last else "id\ttext\ttime"
    found = read_text(tmp_path, "posts.tsv", "\n".join([header, *written]) + "\n")
    posts = {post.native_id: post.text for post in found if isinstance(post, RawPost)}
    for native_id, text in expected:
        assert native_id in posts
        # A text that begins with a quote may be a quoted one, over lines even; every other text is as it was written.
        assert text.startswith('"') or posts[native_id] == text


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    assert len(read_text(tmp_path, "posts.tsv", f"id\ttext\ttime\n\n1\ta\t{TIME}\n  \n\n2\tb\t{TIME}\n")) == 2

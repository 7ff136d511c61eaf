"""`make bench-screen`: posts a second through the screen on one core, beside plain code that finds the same out without haste."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from services.ingest.columns import Columns
from services.ingest.commands import reading
from services.pipeline.steps.document import Document
from services.pipeline.steps.language import foreign, own_words
from services.pipeline.steps.screen import EMPTY, LANGUAGE, NO_DRUG, reason, screen
from shared.assertion.flags import grave
from shared.events import Post
from shared.screening.adverts import first_person, sells
from shared.screening.model import ADVERT, PERSON, default_model
from shared.settings import PACKAGE_ROOT, load
from shared.text.clean import model_text
from shared.text.sketch import near_sketch
from shared.vocabulary.drugs import FILE, DrugLexicon, DrugMention, default_lexicon
from shared.vocabulary.table import read
from tests.benchmarks.machine import machine, revision
from tests.benchmarks.posts import read as read_stream
from tests.benchmarks.run import SAMPLE

PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "screen.md"
_KEY = b"the key of the benchmark"
_LONGEST_NAME = 3  # words of a name that the plain match looks up


@dataclass(frozen=True)
class Series:
    """One row of the page: what is measured, in seconds of this process, round by round. `plain`: the row it is held against."""

    name: str
    posts: int
    seconds: list[float]
    plain: str | None = None

    @property
    def rate(self) -> float:
        """Posts a second, median."""
        return self.posts / statistics.median(self.seconds)


def plain_match(text: str, names: frozenset[str]) -> bool:
    """Whether words of a post, up to three in a row, are a name: one look-up each."""
    words = model_text(text).split()
    return any(
        " ".join(words[at : at + length]) in names for length in range(1, _LONGEST_NAME + 1) for at in range(len(words))
    )


def plain_reason(text: str, drugs: Sequence[DrugMention], language: str | None) -> str | None:
    """What `reason` says, with every test made of every post, and only then looked at."""
    _, letters = own_words(text, ())
    other, own, shop, serious = foreign(text, drugs, language), first_person(text), sells(text), grave(text)
    kind = default_model().kind(text, drugs)
    if not drugs:
        return NO_DRUG if letters else EMPTY
    if other:
        return LANGUAGE
    if own or serious:
        return None
    return ADVERT if shop else None if kind == PERSON else kind


def measure(posts: Sequence[Post], rounds: int) -> tuple[list[Series], int]:
    """All series, and how many posts the screen decides differently than the plain code."""
    lexicon = default_lexicon()
    names = frozenset(name for name, _, _ in read(FILE, 3)[1])
    named = [post for post in posts if lexicon.find(post.text)]
    english = [msgspec.structs.replace(post, language="en") for post in named]
    found = {id(post): lexicon.find(post.text) for post in posts}
    screen([Document(post) for post in posts[:100]], lexicon)  # what is loaded once is loaded now
    whole, plain = "the whole screen", "plain: every test of every post"
    work: list[tuple[str, Sequence[Post], Callable[[Post], object], str | None]] = [
        ("plain: look up words and runs of up to three", posts, lambda post: plain_match(post.text, names), None),
        ("drug match", posts, lambda post: lexicon.find(post.text), "plain: look up words and runs of up to three"),
        (plain, posts, lambda post: (lexicon.find(post.text), plain_reason(post.text, found[id(post)], None)), None),
        ("drug match and language", posts, lambda post: _language(post, lexicon), plain),
        (whole, posts, lambda post: screen([Document(post)], lexicon), plain),
        (f"{whole}, posts that name a medicine", named, lambda post: screen([Document(post)], lexicon), None),
        (f"{whole}, those, said to be English", english, lambda post: screen([Document(post)], lexicon), None),
        ("the sketch of near-duplicates, of those", named, lambda post: near_sketch(post.text, _KEY), None),
        (f"{whole} and the sketches", posts, lambda post: _sketched(post, lexicon), None),
        (f"{whole} and the sketches, posts that name a medicine", named, lambda post: _sketched(post, lexicon), None),
    ]
    seconds: dict[str, list[float]] = {name: [] for name, _, _, _ in work}
    for _ in range(rounds):
        for name, some, step, _ in work:
            seconds[name].append(_timed(some, step))
    series = [Series(name, len(some), seconds[name], against) for name, some, _, against in work]
    different = sum(
        plain_reason(post.text, found[id(post)], None) != reason(post.text, found[id(post)], None) for post in posts
    )
    return series, different


def _sketched(post: Post, lexicon: DrugLexicon) -> bytes | None:
    """The sketch of a post that the screen lets through."""
    document = Document(post)
    screen([document], lexicon)
    return None if document.screened else near_sketch(post.text, _KEY)


def _language(post: Post, lexicon: DrugLexicon) -> bool:
    drugs = lexicon.find(post.text)
    return bool(drugs) and foreign(post.text, drugs, post.language)


def _timed(posts: Sequence[Post], step: Callable[[Post], Any]) -> float:
    """Processor time: a neighbour on the machine does not count."""
    began = time.process_time()
    for post in posts:
        step(post)
    return time.process_time() - began


def page(file: str, posts: int, series: Sequence[Series], different: int) -> str:
    """The page of a run."""
    rates = {one.name: one.rate for one in series}
    lines = [
        "# Speed of the screen",
        "",
        "Made by `make bench-screen`; do not edit. Posts a second of processor time, one process on one core, median of the",
        "rounds, in brackets the least and the most. *Times plain* holds a row against the plain code of the same run.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {revision()}, {machine().processor}; stream `{file}`, {posts:,} posts, "
        f"{min(one.posts for one in series) / posts:.0%} of them name a medicine; {len(series[0].seconds)} rounds.",
        "",
        "|  | posts/s | times plain |",
        "| --- | ---: | ---: |",
    ]
    for one in series:
        spread = f"{one.posts / max(one.seconds):,.0f}–{one.posts / min(one.seconds):,.0f}"
        times = f"{one.rate / rates[one.plain]:.1f}" if one.plain else ""
        lines.append(f"| {one.name} | {one.rate:,.0f} ({spread}) | {times} |")
    lines += [
        "",
        f"Posts that the screen decides differently than the plain code: {different}.",
        "",
        "The screen is quick because most posts end at the drug match, no language is identified where the source says that a",
        "post is English, and the advert model is asked only about posts in which nobody speaks of themselves. The sketch by",
        "which near-duplicates are found is made here of every post that the screen lets through; the pipeline makes it later,",
        "of those that report something. How fast the rest of the pipeline is: [throughput.md](throughput.md).",
    ]
    return "\n".join(lines) + "\n"


def bench(
    stream: Annotated[Path, typer.Argument(help="JSONL, CSV or TSV, plain or .gz, .xz, .zst.")] = SAMPLE,
    limit: reading.Limit = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured.")] = 3,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Measure the screen on a stream of posts. Exit code 1: a post was decided otherwise than by the plain code.

    Example: python -m tests.benchmarks.screen posts.jsonl --limit 20000
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        posts = read_stream(load(data_dir=Path(folder)), str(stream), Columns(), limit)
    series, different = measure(posts, rounds)
    out.write_text(page(stream.name, len(posts), series, different), encoding="utf-8")
    typer.echo(out.read_text(encoding="utf-8"))
    if different:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(bench)

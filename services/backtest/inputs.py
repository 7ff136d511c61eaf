"""What a back-test is asked for, checked before any work, and run: one result, or two of the same posts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from services.backtest.kept import Kept
from services.backtest.result import Result
from services.backtest.run import Decided, Reading, decide, evaluate, take_over
from services.backtest.stored import Between, TopicPosts, folder_records, topic_records
from services.ingest.columns import Columns
from services.ingest.commands import reading
from services.ingest.replay import Replay
from services.ingest.source import RawPost, Reject, SourceBroken
from services.models.versions import find
from shared.errors import AdrwatchError
from shared.events import Post
from shared.settings import Settings
from shared.signals.rules import Rules, load_rules
from shared.times import end, option

Accept = Callable[[RawPost], Post | Reject]


@dataclass(frozen=True)
class Asked:
    """Where the posts come from, and how they are read and evaluated: as the options say."""

    files: list[str]
    topic: str | None
    start: str | None
    end: str | None
    form: str | None
    columns: Columns
    source_name: str
    identifiers: bool | None
    limit: int | None
    batch_size: int
    to_the_end: bool


class Runs:
    """One back-test, or two: with other rules over what was decided once, or with other models.

    `names` is what people call both. After `run`: `trouble`, the error of a source that ended in the middle, and `disordered`, how
    many posts were read where too many of them run backwards. Raises AdrwatchError for what does not go together, before any work.
    """

    def __init__(self, settings: Settings, asked: Asked, against: Path | None, models: str | None) -> None:
        self.trouble: SourceBroken | None = None
        self.disordered: int | None = None
        self._settings, self._asked = settings, asked
        self._between = _between(asked)
        self._folder = _folder(asked)
        self._console = Console(stderr=True)
        self._check(models)
        self._rules = load_rules(settings.rules_file)
        self._other_rules = self._rules if against is None else load_rules(against)
        self._other_settings, self._version = _models(settings, models)
        self._again = models is not None
        self.two = against is not None or self._again
        self.names = (
            _named(self._rules, settings.rules_file),
            _named(self._other_rules, against or settings.rules_file),
        )
        if models is not None:
            self.names = (f"{self.names[0]}, active models", f"{self.names[1]}, models {models}")
        self._match(against)
        # What is wrong with a file is said now.
        self._opened = None if self._stored or asked.topic else self._open()

    @property
    def source(self) -> str:
        """The input in words."""
        if self._asked.topic is None:
            return ", ".join(self._asked.files)
        bounds = [f"{word} {at}" for word, at in (("from", self._asked.start), ("to", self._asked.end)) if at]
        return " ".join([f"topic {self._asked.topic}", *bounds])

    @property
    def _stored(self) -> bool:
        """Whether posts were decided before."""
        return self._folder is not None or self._asked.topic == "outcomes"

    def run(self, kept: Kept) -> tuple[Result, Result | None]:
        """Fill `kept`, and evaluate it: the result, and the one against it where it is wanted. Raises as its parts do."""
        decided = self._fill(self._settings, kept)
        result = self._evaluate(kept, self._rules, decided)
        if not self.two:
            return result, None
        if not self._again:
            return result, self._evaluate(kept, self._other_rules, decided)
        if self._asked.topic is None:
            self._opened = self._open()
        with Kept() as other:
            decided = self._fill(self._other_settings, other, self._version)
            return result, self._evaluate(other, self._other_rules, decided)

    def _evaluate(self, kept: Kept, rules: Rules, decided: Decided) -> Result:
        since = self._between.start if self._stored else None
        return evaluate(
            kept, rules, decided, self.source, self._console, to_the_end=self._asked.to_the_end, since=since
        )

    def _fill(self, settings: Settings, kept: Kept, version: int | None = None) -> Decided:
        end = self._between.end
        if self._stored:
            records = topic_records(settings, end) if self._folder is None else folder_records(self._folder, end)
            return take_over(records, kept, self._console)
        size = self._asked.batch_size
        if self._opened is None:
            with TopicPosts(settings, self._between) as posts:
                return decide(settings, Reading(posts, lambda post: post, size), kept, self._console, version)
        source, accept = self._opened
        decided = decide(settings, Reading(source, accept, size), kept, self._console, version)
        self.trouble = decided.trouble
        self.disordered = source.posts if source.disordered else None
        return decided

    def _open(self) -> tuple[Replay, Accept]:
        asked = self._asked
        return reading.open_files(
            self._settings, asked.files, asked.form, asked.columns, asked.source_name,
            identifiers=asked.identifiers, limit=asked.limit,
        )  # fmt: skip

    def _check(self, models: str | None) -> None:
        asked = self._asked
        if bool(asked.files) == bool(asked.topic):
            raise AdrwatchError("a back-test reads either files or a topic", fix="give FILES, or --topic posts")
        if (asked.start or asked.end) and not (asked.topic or self._folder):
            raise AdrwatchError("--from and --to are for topics and results folders", fix="leave them out for files")
        if asked.limit is not None and (asked.topic or self._folder):
            raise AdrwatchError("--limit is for files", fix="bound a topic with --from and --to")
        if models is not None and self._stored:
            raise AdrwatchError(
                "outcomes were decided by their models already", fix="try other models with files or --topic posts"
            )
        if models is not None and "-" in asked.files:
            raise AdrwatchError("standard input can be read once only", fix="give a file to try two versions of models")

    def _match(self, against: Path | None) -> None:
        """Posts are decided once for both rule files, so what the pipeline takes from them must be the same."""
        ours, theirs = self._rules, self._other_rules
        same = (ours.designated_ids, ours.designated_names) == (theirs.designated_ids, theirs.designated_names)
        if against is not None and not same and not self._stored:
            raise AdrwatchError(
                f"{against} has other designated medical events, which posts are searched for",
                fix="run both rule files with --out, then `adrwatch compare` the folders",
            )


def _named(rules: Rules, file: Path) -> str:
    return str(file) if rules.overrides else "shipped rules"


def _models(settings: Settings, wanted: str | None) -> tuple[Settings, int | None]:
    """The settings and the version of the second models; None is the active version."""
    if wanted is None:
        return settings, None
    if Path(wanted).is_dir():
        return settings.model_copy(update={"model_repository": Path(wanted)}), None
    return settings, find(settings.model_repository, wanted)


def _folder(asked: Asked) -> Path | None:
    """The results folder among the files; None where they are files."""
    folders = [path for path in map(Path, asked.files) if path.is_dir()]
    if folders and len(asked.files) > 1:
        raise AdrwatchError(f"{folders[0]} is a folder among files", fix="give one results folder, or files")
    return folders[0] if folders else None


def _between(asked: Asked) -> Between:
    found = Between(
        None if asked.start is None else option("--from", asked.start),
        None if asked.end is None else option("--to", asked.end, end),
    )
    if found.start is not None and found.end is not None and found.start >= found.end:
        raise AdrwatchError("--to is not after --from", fix="give a later one")
    return found

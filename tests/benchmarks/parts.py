"""Parts of the pipeline by themselves: its features, its loop over topics, all of it but the models, models of other languages."""

from __future__ import annotations

import itertools
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deploy.local.multilingual import with_other_languages
from deploy.local.processes import Context, run_to_end
from deploy.local.stack import Stack
from deploy.local.workers import environment
from services.ingest.producer import delivery
from services.ingest.publish import post_message
from shared import broker
from shared.errors import AdrwatchError
from shared.events import Post
from shared.settings import PACKAGE_ROOT, Settings
from shared.topics import TOPICS
from shared.vocabulary.languages import ENGLISH
from tests.benchmarks import posts as files
from tests.benchmarks.alone import model_rate
from tests.benchmarks.fixed_triton import fixed_triton

FEATURES, LOOP, FIXED, LANGUAGES = "features", "loop", "fixed", "languages"
PARTS = (FEATURES, LOOP, FIXED, LANGUAGES)
FAUST, BARE = "the worker's loop over Faust", "a bare loop over aiokafka"
_LOOPS = "tests.benchmarks.loops"
_GIVE_UP = 60.0
_PATIENCE = 300.0

# What a post of which language is asked about: the rows of `languages`, and whether the extractor reads every post as well.
ASKED = (
    ("English: the classifier", ENGLISH, False),
    ("English: both models", ENGLISH, True),
    ("the multilingual pair: the classifier", "ru", False),
    ("the multilingual pair: both models", "ru", True),
)

Rates = dict[str, float]


def ready_row(size: int) -> str:
    """The name of a row of the part `fixed`."""
    return f"one worker, micro-batches of {size} posts"


@dataclass(frozen=True)
class Amounts:
    """Posts that each part measures in a round, and the sizes of the micro-batches of `fixed`: the product's, and a larger one."""

    features: int = 1_000
    loop: int = 20_000
    fixed: int = 12_000
    languages: int = 1_000
    sizes: tuple[int, ...] = (128, 512)


@dataclass(frozen=True)
class Parts:
    """Measures parts over posts of `stream`. `folder` is for posts, logs and the data of a broker; `settings` may name a broker."""

    settings: Settings
    folder: Path
    stream: Sequence[Post]
    amounts: Amounts
    say: Callable[[str], None]

    def measure(self, part: str) -> Rates:
        """Posts a second by row of one part, once."""
        measures: dict[str, Callable[[], Rates]] = {
            FEATURES: self._features, LOOP: self._loop, FIXED: self._fixed, LANGUAGES: self._languages
        }  # fmt: skip
        rates = measures[part]()
        for name, rate in rates.items():
            self.say(f"{part}: {name}: {rate:,.0f} posts/s")
        return rates

    def _features(self) -> Rates:
        file = files.write_posts(self.folder / "features.jsonl", self.stream[: self.amounts.features])
        return self._child(self.settings, "features", "tests.benchmarks.features", str(file))

    def _loop(self) -> Rates:
        with self._topics() as settings:
            self._fill(settings, self.amounts.loop)
            count = str(self.amounts.loop)
            return {
                name: self._child(settings, f"loop-{kind}", _LOOPS, kind, count)["rate"]
                for name, kind in ((FAUST, "faust"), (BARE, "bare"))
            }

    def _fixed(self) -> Rates:
        texts = str(files.write_texts(self.folder / "ready.jsonl", self.stream))
        rates = {}
        for size in self.amounts.sizes:
            with self._topics() as settings, fixed_triton(self._context, settings.model_repository) as address:
                self._fill(settings, self.amounts.fixed)
                chosen = settings.model_copy(update={"triton_url": address, "batch_size": size})
                found = self._child(chosen, "ready", _LOOPS, "ready", str(self.amounts.fixed), texts)
            rates[ready_row(size)] = found["rate"]
        return rates

    def _languages(self) -> Rates:
        folder = self.folder / "languages"
        if not (folder / "models").is_dir():
            with_other_languages(self._context, self.settings.model_repository, folder / "models")
        changed = {"model_repository": folder / "models", "languages": "en,ru", "data_dir": folder, "triton_url": None}
        settings = self.settings.model_copy(update=changed)
        posts, workers = self.stream[: self.amounts.languages], len(os.sched_getaffinity(0))
        with Stack(settings, servers=("triton",)) as stack:
            settings = settings.model_copy(update=stack.addresses)
            return {
                row: model_rate(settings, posts, workers, language=language, extract=extract)
                for row, language, extract in ASKED
            }

    @contextmanager
    def _topics(self) -> Iterator[Settings]:
        """Settings of a broker with empty topics under a name of their own; from one that was given by address they are removed."""
        name = f"bench-{uuid.uuid4().hex[:8]}"
        changed = {"topic_prefix": name, "redis_prefix": name, "data_dir": self.folder / name}
        settings = self.settings.model_copy(update=changed)
        with Stack(settings, servers=("kafka",), topics=True) as stack:
            try:
                yield settings.model_copy(update=stack.addresses)
            finally:
                if settings.kafka_bootstrap:
                    with broker.admin(settings) as client:
                        client.delete_topics([topic.name(name) for topic in TOPICS])

    def _fill(self, settings: Settings, count: int) -> None:
        """Posts said to be English, as live sources say of most, so that no language has to be found out."""
        with delivery(settings, _GIVE_UP) as outgoing:
            for number, post in enumerate(itertools.islice(itertools.cycle(self.stream), count)):
                one = msgspec.structs.replace(post, id=f"part:{number}", source="part", language="en")
                outgoing.send(post_message(one, settings.topic_prefix), lambda: None)
            outgoing.finish()
        if outgoing.failed or outgoing.in_flight:
            raise AdrwatchError(
                f"the broker did not take every post: {dict(outgoing.failed)}", fix="see the broker's log"
            )

    @property
    def _context(self) -> Context:
        return Context(self.folder, self.settings.cache_dir)

    def _child(self, settings: Settings, name: str, module: str, *arguments: str) -> Rates:
        """The object in the last line that a module prints."""
        env = {**environment(settings, {}), "PYTHONPATH": str(PACKAGE_ROOT)}
        output = run_to_end(self._context, name, [sys.executable, "-m", module, *arguments], env, timeout=_PATIENCE)
        try:
            found: Rates = json.loads(output.splitlines()[-1])
        except (IndexError, ValueError):
            raise AdrwatchError(f"{name} ended without its figures", fix=f"see {self._context.log(name)}") from None
        return found

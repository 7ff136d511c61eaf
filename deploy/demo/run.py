"""The demo from beginning to end: servers and workers, the replay, progress, alerts, comparison, account."""

from __future__ import annotations

import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from deploy.demo import sample, view
from deploy.demo.follow import Follower, State
from deploy.local.multilingual import with_other_languages
from deploy.local.processes import CommandError, Context, Process, StartCancelledError, run_to_end, telling_line
from deploy.local.stack import Stack
from deploy.local.up import say, stop_on_signals
from deploy.local.workers import environment, service_workers
from deploy.reconcile.rows import Reading, Row, read_rows
from shared.console import tables
from shared.errors import AdrwatchError, DependencyAway
from shared.models.languages import read_pairs
from shared.settings import Settings, load

_ENGLISH = "en"
_MODELS = "models"
_LEFT_OUT = "posts in Russian, Chinese, German and French are left out"
# The nine weeks of the sample pass in a quarter of a minute: quick, and slow enough to watch alerts come.
SPEED = 360_000
_LOOK = 0.25
_LINE_EVERY = 2.0


def run(data_dir: Path, *, once: bool, progress: Console, **workers: int) -> bool:
    """Run the demo in a folder of its own; `workers` are numbers by service. Returns whether all was as expected.

    Progress goes to `progress`, results to standard output. Without `once` it stays up until it is told to stop. Raises
    StartCancelledError if that comes before the results, and AdrwatchError if a part does not work.
    """

    def tell(text: str) -> None:
        say(progress, f"  {text}")

    settings = load(data_dir=data_dir, dashboard_host="127.0.0.1", dashboard_access="development")
    before = Context(data_dir.resolve(), settings.cache_dir, tell)
    stop_on_signals(before)
    settings = demo_settings(settings, before)
    truth = sample.load(spoken=settings.languages != _ENGLISH)
    stack = Stack(settings, workers=service_workers(**workers, cases=1, dashboard=1), topics=True, say=tell)
    stop_on_signals(stack.context)
    # Told to stop before the stack could hear it.
    before.sleep(0)
    say(progress, "starting Kafka, Redis, Triton and the workers; what is missing is downloaded once")
    try:
        with stack:
            demo = _Demo(stack, settings, progress)
            try:
                return demo.show(truth, once)
            except StartCancelledError:
                # A part that kept ending cancels like a person does; then its error is raised here.
                stack.wait()
                raise
    finally:
        # Of what is kept when something failed, people want the logs.
        shutil.rmtree(before.data_dir / _MODELS, ignore_errors=True)
        say(progress, "everything is stopped")


def demo_settings(settings: Settings, context: Context) -> Settings:
    """The user's settings with names of the demo's own where servers are given that may hold other posts.

    All languages of the sample are read by the user's models or by those that are put together for the demo; where these
    cannot be had, and where a Triton is given that is not asked for them, English alone. Raises StartCancelledError.
    """
    settings = settings.model_copy(update=_languages(settings, context))
    if settings.kafka_bootstrap or settings.redis_url:
        name = f"demo-{uuid.uuid4().hex[:8]}"
        settings = settings.model_copy(update={"topic_prefix": name, "redis_prefix": name})
    return settings


def _languages(settings: Settings, context: Context) -> dict[str, Any]:
    """What changes in the settings."""
    every = {"languages": ",".join((_ENGLISH, *sample.SPOKEN))}
    if settings.triton_url:
        if set(sample.SPOKEN) <= set(settings.languages.split(",")):
            return every
        context.say(f"{_LEFT_OUT}: ADRWATCH_LANGUAGES does not ask the Triton that is given for them")
        return {"languages": _ENGLISH}
    if set(sample.SPOKEN) <= set(read_pairs(settings.model_repository)):
        return every
    models = context.data_dir / _MODELS
    try:
        with_other_languages(context, settings.model_repository, models)
    except StartCancelledError:
        raise
    except AdrwatchError as error:
        shutil.rmtree(models, ignore_errors=True)
        context.say(f"{_LEFT_OUT}: {error.message}; {error.fix}")
        return {"languages": _ENGLISH}
    return {**every, "model_repository": models}


def files(*, spoken: bool) -> tuple[Path, ...]:
    """What is replayed."""
    return (sample.POSTS, *([sample.SPOKEN_POSTS] if spoken else []), sample.BROKEN)


def sample_rows(warn: Callable[[str], None], *, spoken: bool = False) -> list[Row]:
    """The records of the sample's files, read independently of ingest."""
    reading = Reading(source_name=sample.SOURCE)
    return [row for file in files(spoken=spoken) for row in read_rows(file, reading, warn)]


class _Demo:
    """The steps on a running stack."""

    def __init__(self, stack: Stack, settings: Settings, progress: Console) -> None:
        self._stack = stack
        self._progress = progress
        self._settings = settings.model_copy(update={**stack.addresses, "data_dir": stack.context.data_dir})
        self._spoken = settings.languages != _ENGLISH
        self._files = [str(file) for file in files(spoken=self._spoken)]
        self._env = environment(self._settings, stack.addresses)

    def show(self, truth: sample.Truth, once: bool) -> bool:
        out = tables()
        for row in self._stack.rows():
            print(view.part(row))
        print(f"the dashboard is at {self._stack.pages()}: watch the alerts come in", flush=True)
        with Follower(self._settings, sample_rows(self._say, spoken=self._spoken)) as follower:
            state = self._replay(follower)
            verdict = sample.compare(truth, state.alerts)
            for words in (["alerts", "list"], ["alerts", "list", "--measures"]):
                print(self._output("alerts", words, {"COLUMNS": str(out.width)}).rstrip(), end="\n\n")
            out.print(view.comparison(truth, verdict, state.account.rejects))
            for surprise in view.surprises(truth, verdict, state.alerts):
                out.print(surprise)
            arguments = ["reconcile", *self._files, "--source-name", sample.SOURCE, "--wait", "20"]
            line = self._output("reconcile", arguments).rstrip().rpartition("\n")[2]
            print(line, flush=True)
            if not once:
                self._stay(follower)
        return verdict.as_expected and line.endswith(" lost=0")

    def _say(self, text: str) -> None:
        say(self._progress, text)

    def _output(self, name: str, arguments: list[str], env: Mapping[str, str] | None = None) -> str:
        """What a command prints, also when it says by its exit status that something was lost."""
        try:
            return run_to_end(self._stack.context, name, _command(arguments), {**self._env, **(env or {})})
        except CommandError as error:
            if "lost=" not in error.output:
                raise
            return error.output

    def _replay(self, follower: Follower) -> State:
        """Replay the sample and show progress until all of it is done."""
        arguments = ["ingest", "replay", *self._files, "--source-name", sample.SOURCE, "--speed", str(SPEED)]
        if self._spoken:
            # Its files overlap in time.
            arguments.append("--sort")
        context = self._stack.context
        replay = Process("replay", _command(arguments), context.log("replay"), self._env)
        try:
            with self._display() as show:
                while True:
                    # First the replay: what it had published when it ended is in the look that follows.
                    status = replay.poll()
                    if status not in (None, 0):
                        raise AdrwatchError(
                            f"the replay failed: {telling_line(replay.output())}", fix=f"see {context.log('replay')}"
                        )
                    state = self._look(follower)
                    if state:
                        show(state)
                        if status == 0 and state.done:
                            return state
                    follower.check_moving()
                    context.sleep(_LOOK)
        finally:
            replay.stop(5)

    def _look(self, follower: Follower) -> State | None:
        try:
            return follower.look()
        except DependencyAway as error:
            # The launcher starts a server anew that has died.
            self._say(error.message)
            return None

    @contextmanager
    def _display(self) -> Iterator[Callable[[State], None]]:
        """A live table on a terminal, else a line every few seconds."""
        if not self._progress.is_terminal:
            shown = 0.0

            def show_line(state: State) -> None:
                nonlocal shown
                if state.done or time.monotonic() - shown >= _LINE_EVERY:
                    shown = time.monotonic()
                    self._say(view.plain(state))

            yield show_line
            return
        with Live(console=self._progress, auto_refresh=False) as live:

            def show_table(state: State) -> None:
                parts = ", ".join(f"{row.part} {row.state}" for row in self._stack.rows())
                live.update(view.dashboard(state, parts), refresh=True)

            yield show_table

    def _stay(self, follower: Follower) -> None:
        """Keep everything running, and say new alerts, until it is told to stop."""
        exports = [f"ADRWATCH_DATA_DIR={self._settings.data_dir}"]
        if self._settings.topic_prefix == self._settings.redis_prefix:
            exports += [f"ADRWATCH_{name}_PREFIX={self._settings.topic_prefix}" for name in ("TOPIC", "REDIS")]
        self._say(f"everything stays up; the dashboard is at {self._stack.pages()}; in another terminal:")
        self._say(f"  export {' '.join(exports)}")
        self._say("  adrwatch alerts list, adrwatch dead-letters list, adrwatch ingest replay FILE ...")
        self._say("Ctrl-C stops everything")
        known: set[str] | None = None
        try:
            while True:
                state = self._look(follower)
                if state:
                    for alert in state.alerts:
                        if known is not None and alert.id not in known:
                            self._progress.print(view.headline(alert))
                    known = {alert.id for alert in state.alerts}
                self._stack.context.sleep(1.0)
        except StartCancelledError:
            self._stack.wait()


def _command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "services.cli", *arguments]

"""From one version to another without a gap: the new one stands beside the old one before anybody is told of it.

The order of steps; a crash between any two leaves one whole version active and served, and the command can be repeated:

1. the new version is verified in this process;
2. every server loads it beside the old one, and waits until it is ready;
3. every server answers the canaries of the new version, which are compared with the recorded ones;
4. the configurations name both versions, then `active.json` is replaced: from here on workers go over, each between two batches;
5. when no server is asked for the old version any more (or the time is over), the configurations name the new one alone and the
   servers let the old one go. A worker that asks for it still is told that it is gone, looks again, and repeats its batch.

Whatever fails up to step 3 leaves everything as it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from services.models.server import Server, connected
from services.models.verify import same_tensors, verify
from services.models.versions import load
from shared.errors import AdrwatchError, DependencyAway
from shared.models.configuration import MODELS, Features, touch_configuration, write_configuration
from shared.models.repository import Active, locked, read_active, write_active
from shared.triton_security import TritonAddress

# Seconds without a request after which a version is taken to be let go of.
QUIET = 2.0
_STEP = 0.25

Say = Callable[[str], None]
Versions = dict[str, dict[int, Features]]


class Refused(AdrwatchError):
    """The version was not activated; the one before goes on."""


def activate(repository: Path, number: int, servers: Sequence[TritonAddress], drain: float, say: Say) -> None:
    """Make `number` the active version. Raises Refused where a check fails, DependencyAway where a server does not answer.

    `servers`: every Triton that serves this repository; none: only the files are changed. `drain`: seconds that the
    version before is kept at most, once workers are told to go over.
    """
    with locked(repository):
        _go(repository, read_active(repository).then(number), servers, drain, say)


def roll_back(repository: Path, servers: Sequence[TritonAddress], drain: float, say: Say) -> int:
    """Make the version active that was before this one; returns it. Raises as `activate`."""
    with locked(repository):
        wanted = read_active(repository).back()
        _go(repository, wanted, servers, drain, say)
        return wanted.version


def _go(repository: Path, wanted: Active, addresses: Sequence[TritonAddress], drain: float, say: Say) -> None:
    new, old = wanted.version, read_active(repository).version
    _verified(repository, new, say)
    # A version that cannot be read any more is left for another without standing beside it.
    both = {new, old} if _readable(repository, old) else {new}
    if addresses and old in both and not same_tensors(repository, old, new):
        raise Refused(
            f"version {new} has other tensors than version {old}: one server cannot have both side by side",
            fix="stop Triton (posts wait in Kafka), activate with --offline, start it again",
        )
    with ExitStack() as stack:
        servers = [stack.enter_context(connected(address)) for address in addresses]
        try:
            for server in servers:
                _beside(server, repository, _versions(repository, both), new, say)
        except Exception:
            _retreat(repository, servers, say)
            raise
        _write(repository, _versions(repository, both))
        write_active(repository, wanted)
        say(f"version {new} is active")
        if old != new:
            _drained(servers, old, drain, say)
        alone = _versions(repository, {new})
        _write(repository, alone)
        for server in servers:
            _reload(server)
            # On a GPU the graph may be another from here on: that of half precision, where the version before had none.
            if wrong := _wrong(server, repository, alone, new):
                raise AdrwatchError(
                    f"version {new} is active, but {server.address} answers otherwise than was recorded: {wrong}",
                    fix="adrwatch models rollback",
                )
            say(f"{server.address} serves version {new} alone")


def _retreat(repository: Path, servers: Sequence[Server], say: Say) -> None:
    """Every server goes back to what the files say. One that cannot is named; the others go back all the same."""
    # Triton passes over files that it has read before, though it serves another configuration by now.
    for model in MODELS:
        touch_configuration(repository / model)
    for server in servers:
        try:
            _reload(server)
        except DependencyAway as error:
            say(f"{server.address} may serve both versions until it is restarted: {error.message}")


def _verified(repository: Path, number: int, say: Say) -> None:
    say(f"verifying version {number}")
    failed = [check for check in verify(repository, number) if check.wrong]
    if failed:
        reasons = "; ".join(f"{check.model}, {check.name}: {check.wrong}" for check in failed)
        raise Refused(
            f"version {number} is not activated: {reasons}",
            fix="the version before goes on; export the version again, or see `adrwatch models verify`",
        )


def _beside(server: Server, repository: Path, both: Versions, new: int, say: Say) -> None:
    """Steps 2 and 3 on one server. Raises Refused where it answers otherwise than was recorded."""
    say(f"{server.address} loads version {new} beside what it serves")
    for model, versions in both.items():
        if set(versions) - server.loaded(model):
            server.serve(model, versions)
    if wrong := _wrong(server, repository, both, new):
        raise Refused(
            f"version {new} is not activated: {server.address} answers otherwise than was recorded: {wrong}",
            fix="the version before goes on; compare the server's onnxruntime and hardware with `adrwatch models verify`",
        )


def _wrong(server: Server, repository: Path, versions: Versions, number: int) -> str:
    """How a server's answers to the canaries of a version differ from the record."""
    found = [
        f"{model}, {what}"
        for model, features in versions.items()
        for what in server.canaries(features[number], repository / model / str(number), number)
    ]
    return "; ".join(found)


def _reload(server: Server) -> None:
    for model in MODELS:
        server.reload(model)


def _drained(servers: Sequence[Server], old: int, limit: float, say: Say) -> None:
    end = time.monotonic() + limit
    for server in servers:
        having = [model for model in MODELS if old in server.loaded(model)]
        say(f"{server.address} answers the last requests for version {old}")
        before, since = -1, time.monotonic()
        while having and time.monotonic() < end and time.monotonic() - since < QUIET:
            now = sum(server.inferences(model, old) for model in having)
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(_STEP)


def _readable(repository: Path, number: int) -> bool:
    try:
        load(repository, number)
    except AdrwatchError:
        return False
    return True


def _versions(repository: Path, numbers: set[int]) -> Versions:
    loaded = {number: dict(zip(MODELS, load(repository, number), strict=True)) for number in numbers}
    return {model: {number: features[model] for number, features in loaded.items()} for model in MODELS}


def _write(repository: Path, versions: Versions) -> None:
    for model, found in versions.items():
        write_configuration(repository / model, found)

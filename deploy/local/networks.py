"""Networks of this machine's own, to see every source flow without an account anywhere: `adrwatch up --networks fake`."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.demo.sample import POSTS
from deploy.local.processes import Process, telling_line
from shared.errors import AdrwatchError

_ROOT = Path(__file__).parents[2]
_MODULE = "tests.networks.play"
_READY_SECONDS = 60.0
_GRACE_SECONDS = 5.0


@contextmanager
def fake_networks(data_dir: Path, rate: float, push_url: str, say: Callable[[str], None]) -> Iterator[Path]:
    """Servers that speak the networks' protocols and play the demo's posts, `rate` a second at each; gives the sources file.

    Beside them a vendor pushes posts to `push_url`.

    They live as long as the context. Raises AdrwatchError outside the source tree, or where they do not start.
    """
    if not (_ROOT / "tests" / "networks" / "play.py").exists():
        raise AdrwatchError(
            "the networks that play posts are part of the source tree", fix="run it in a checkout of adrwatch"
        )
    folder = data_dir / "networks"
    # Positions of servers that are gone mean nothing to new ones.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    file = folder / "sources.toml"
    command = [sys.executable, "-m", _MODULE, str(folder), "--posts", str(POSTS), "--rate", str(rate)]
    command += ["--push-url", push_url]
    process = Process("networks", command, data_dir / "logs" / "networks.log", {"PYTHONPATH": str(_ROOT)})
    try:
        deadline = time.monotonic() + _READY_SECONDS
        while not file.exists():
            if process.poll() is not None:
                raise AdrwatchError(
                    f"the networks did not start: {telling_line(process.output())}", fix=f"see {process.log}"
                )
            if time.monotonic() > deadline:
                raise AdrwatchError(
                    f"the networks were not ready after {_READY_SECONDS:.0f} s", fix=f"see {process.log}"
                )
            time.sleep(0.05)
        say(
            f"networks: {rate:g} posts a second at each, made up for this; what they said is in {folder / 'said.jsonl'}"
        )
        yield file
    finally:
        process.stop(_GRACE_SECONDS)

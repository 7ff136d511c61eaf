"""Triton on this machine without a GPU: the server binary of the PyTriton wheel, with an onnxruntime backend for CPUs."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from deploy.local.cache import installed, python_environment, sha256, site_packages
from deploy.local.processes import HOST, CommandError, Context, Process, choose_port
from deploy.local.servers import Server
from deploy.local.shared_memory import clean, own_prefix
from deploy.local.triton_canary import CanaryError, ask, connected, revive, served_models
from shared.errors import AccessRefused, AdrwatchError, DependencyAway
from shared.triton_security import TritonAddress

WHEEL = "nvidia-pytriton==0.7.0"
# numpy 2 ends the backend's process at the first BYTES tensor.
LIBRARIES = ("numpy>=1.26,<2", "onnxruntime>=1.22,<2")
SERVER_VERSION = "Triton 2.51.0"
SUPPORTED = range(8, 14)  # minor versions of Python 3 that the wheel has a backend process for
USUAL_PORTS = (8001, 8000, 8002)
SHIM = Path(__file__).with_name("triton_backend") / "onnxruntime" / "model.py"
BUSY_LIMIT = 3
_COLLECTED_WITHIN = 0.5  # seconds
WAYS_OUT = (
    "let pip reach PyPI, on x86-64 Linux with glibc 2.35 and Python 3.11 to 3.13, "
    "or give the address of a running Triton in ADRWATCH_TRITON_URL"
)


class TritonServer(Server):
    """One server with explicit model control, so that a model whose process died can be loaded again."""

    name = "triton"
    # Of a server that encrypts: its own options, and those of its clients.
    options: tuple[str, ...] = ()
    security: Mapping[str, Any] = {}

    def __init__(self, context: Context, model_repository: Path) -> None:
        super().__init__(context)
        self._repository = model_repository
        self._environment = self._backends = Path()
        self._ports: list[int] = []
        self._busy: dict[str, int] = {}
        self._backend_processes: dict[int, str] = {}
        self._starts = itertools.count(1)
        self._region = ""

    def obtain(self) -> None:
        """Make the environment and lay out the backends."""
        if sys.version_info.minor not in SUPPORTED:
            raise AdrwatchError(f"{WHEEL} does not serve Python 3.{sys.version_info.minor}", fix=WAYS_OUT)
        python = f"3.{sys.version_info.minor}"
        name = f"triton-{WHEEL.split('==')[1]}-python{python}"
        try:
            self._environment = python_environment(self.context, name, ("--no-deps", WHEEL), LIBRARIES)
        except CommandError as error:
            raise AdrwatchError(f"Triton could not be installed: {error.message}", fix=WAYS_OUT) from error
        wheel = self._wheel
        stub = wheel / "python_backend_stubs" / python / "triton_python_backend_stub"

        def lay_out(folder: Path) -> None:
            # Real copies: the Python backend refuses to follow links.
            shutil.copytree(wheel / "backends" / "python", folder / "python", ignore=lambda *_: {"__pycache__"})
            shutil.copy(stub, folder / "python")
            (folder / "onnxruntime").mkdir()
            shutil.copy(SHIM, folder / "onnxruntime")

        self._backends = installed(self.context, f"{name}-backends-{sha256(SHIM)[:8]}", lay_out)
        self.found, self.version = f"wheel {WHEEL}, CPU", SERVER_VERSION

    @property
    def _wheel(self) -> Path:
        return site_packages(self._environment) / "pytriton" / "tritonserver"

    def choose_ports(self, fresh: bool) -> list[int]:
        """Three ports: gRPC, HTTP, metrics."""
        self._ports = [choose_port(self.context, self.name, None if fresh else usual) for usual in USUAL_PORTS]
        self.address = self.url(self._ports[0])
        return self._ports

    def launch(self) -> Process:
        """Start the server with all models of the repository."""
        if not self._repository.is_dir():
            raise AdrwatchError(
                f"the model repository {self._repository} does not exist", fix="set ADRWATCH_MODEL_REPOSITORY"
            )
        clean(self._region)
        self._region = own_prefix(next(self._starts))
        grpc_port, http_port, metrics_port = self._ports
        command = [
            str(self._wheel / "bin" / "tritonserver"),
            f"--id={self._region}",
            f"--model-repository={self._repository}",
            "--model-control-mode=explicit",
            *_loaded(self._repository),
            f"--backend-directory={self._backends}",
            f"--backend-config=python,shm-region-prefix-name={self._region}",
            f"--cache-directory={self._wheel / 'caches'}",
            # The workers are stopped first: nobody waits for an answer. Unloading the models would take seconds.
            "--exit-timeout-secs=1",
            *(f"--{kind}-address={HOST}" for kind in ("grpc", "http", "metrics")),
            *self.options,
            f"--grpc-port={grpc_port}",
            f"--http-port={http_port}",
            f"--metrics-port={metrics_port}",
        ]
        libraries = [str(site_packages(self._environment) / "nvidia_pytriton.libs"), *_interpreter_libraries()]
        # The search path decides which environment the backend's process imports from.
        env = {
            "LD_LIBRARY_PATH": ":".join(libraries),
            "PATH": f"{self._environment / 'bin'}:/usr/bin:/bin",
            "VIRTUAL_ENV": str(self._environment),
            "PYTHONPATH": "",
        }
        return Process(self.name, command, self.log, env)

    def probe(self) -> None:
        """An answer from every model of the server that was started here."""
        with connected(self.address, self.security) as client:
            found = client.get_server_metadata(client_timeout=5).name
            if found != self._region:
                raise DependencyAway(f"another server ({found}) answers at {self.address}")
            for model in served_models(client):
                ask(client, model)

    def check(self) -> None:
        """Ask every model; load those again whose process died. Raises DependencyAway if that does not help."""
        with connected(self.address, self.security) as client:
            # A canary may reach another instance of the same model, so dead processes are looked for as well.
            dead = self._models_with_a_dead_process()
            for model in served_models(client):
                why = f"a process of model {model} died" if model in dead else self._complaint(client, model)
                if why:
                    self.context.say(f"triton: {why}; loading it again")
                    revive(client, model)
                    self.context.say(f"triton: model {model} answers again")

    def _complaint(self, client: Any, model: str) -> str:
        """Why a model must be loaded again, or nothing. A model that is only slow gets some patience."""
        try:
            ask(client, model)
        except CanaryError as error:
            self._busy[model] = self._busy.get(model, 0) + 1
            if error.timed_out and self._busy[model] < BUSY_LIMIT:
                return ""
            why = error.message
        else:
            why = ""
        self._busy.pop(model, None)
        return why

    def _models_with_a_dead_process(self) -> set[str]:
        """Models with a process that ended since the last look: Triton never collects those that it did not end."""
        dead = set()
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children() if self.process else []:
                if child.status() == psutil.STATUS_ZOMBIE:
                    model = self._backend_processes.pop(child.pid, "")
                    if model and _left_behind(child):
                        dead.add(model)
                elif len(command := child.cmdline()) > 1:
                    # Its first argument is <repository>/<model>/<version>/<file>.
                    self._backend_processes[child.pid] = Path(command[1]).parent.parent.name
        return dead

    def cause(self, output: str) -> str:
        """The model that could not be loaded and why, if that ended the server."""
        failed = re.search(r"failed to load '[^']+' version (?:(?!\\n).)*", output)
        return failed[0] if failed else super().cause(output)

    def stop(self) -> None:
        """Stop it and remove the shared memory that a killed server leaves behind."""
        super().stop()
        clean(self._region)


def _loaded(repository: Path) -> list[str]:
    """Which models to load at the start: all, but those of other languages, for which a worker asks."""
    # It brings numbers and tokenizers along, which nothing else here needs.
    from shared.models.languages import loaded_at_start

    return [f"--load-model={name}" for name in loaded_at_start(repository)]


def _left_behind(child: psutil.Process) -> bool:
    """Whether a process that ended is still not collected a moment later; one of a version that is unloaded would be."""
    time.sleep(_COLLECTED_WITHIN)
    return bool(child.is_running() and child.status() == psutil.STATUS_ZOMBIE)


def _interpreter_libraries() -> list[str]:
    """Folders of libpython. Raises AdrwatchError if this interpreter has none."""
    name = f"libpython3.{sys.version_info.minor}.so.1.0"
    home = Path(str(sysconfig.get_config_var("LIBDIR")))
    folders = [home, home / str(sysconfig.get_config_var("MULTIARCH"))]
    found = [str(folder) for folder in folders if (folder / name).exists()]
    if not found:
        raise AdrwatchError(
            f"Triton's backend needs {name}, which is not in {home}",
            fix=f"install it (Debian: apt install libpython3.{sys.version_info.minor}), or use a Python built as shared",
        )
    return found


def check_address(triton: TritonAddress) -> str:
    """Version and models of a running server. Raises DependencyAway, naming the address, when it does not answer."""
    try:
        with connected(triton.url, triton.options) as client:
            metadata = client.get_server_metadata(client_timeout=10)
            models = served_models(client)
    except DependencyAway as error:
        if isinstance(found := triton.away("does not answer"), AccessRefused):
            raise found from error
        raise DependencyAway(
            f"no Triton answers at {triton.url}: {error.message}",
            fix="correct ADRWATCH_TRITON_URL (host:port of gRPC), or unset it to start one here",
        ) from error
    return f"Triton {metadata.version}, models: {', '.join(models) or 'none'}"

"""Builds the images of the Dockerfile in folders, without Docker: COPY copies, RUN runs the very program, ENV is kept.

A path of the image stands below a folder `root`. Only one stage is there at a time, so that a path which a program wrote into
the image (a script's first line) stays true when a later stage copies it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import dockerfile

from tests.unit.docker.compose import ROOT, stages


def sent(path: Path) -> bool:
    """Whether .dockerignore lets a file through: the last line that names it, or a folder above it, decides."""
    passes = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        below = Path(pattern) in (path, *path.parents)
        anywhere = pattern.startswith("**/") and pattern.removeprefix("**/") in path.parts
        if line and not line.startswith("#") and (pattern == "*" or below or anywhere):
            passes = line.startswith("!")
    return passes


def context() -> list[Path]:
    """The files that a build is sent, of those that git holds or would hold."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [Path(name) for name in listed if sent(Path(name)) and (ROOT / name).is_file()]


class Images:
    """The stages of the Dockerfile as folders below `home`."""

    def __init__(self, home: Path) -> None:
        self.root = home / "root"
        self._context = home / "context"
        self._stages = home / "stages"
        self._current = ""
        self._working = "/"
        self.ran: list[tuple[str, ...]] = []
        for path in context():
            (self._context / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self._context / path)

    def enter(self, stage: str) -> None:
        """Put a stage at `root`; it is built first, with the stages that it takes from, if it was not yet."""
        if stage == self._current:
            return
        if not (self._stages / stage).exists():
            for command in stages()[stage]:
                for other in _taken_from(command):
                    self.enter(other)
            self._leave()
            self.root.mkdir(parents=True)
            self._working = "/"
            for command in stages()[stage]:
                self._do(command)
        else:
            self._leave()
            (self._stages / stage).rename(self.root)
        self._current = stage

    def _leave(self) -> None:
        if self._current:
            self._stages.mkdir(exist_ok=True)
            self.root.rename(self._stages / self._current)
        self._current = ""

    def here(self, path: str, stage: str = "") -> Path:
        """Where a path of the image is on this machine; of the stage at `root` where no other is named."""
        folder = self.root if stage in ("", self._current) else self._stages / stage
        return folder / (path if path.startswith("/") else f"{self._working}/{path}").lstrip("/")

    def environment(self, variables: Mapping[str, str], stage: str = "") -> dict[str, str]:
        """The variables of a container for a process on this machine, with what of the machine's own any process needs."""
        kept = ("PIP_", "SSL_", "HTTP_", "HTTPS_", "NO_PROXY")
        result = {name: value for name, value in os.environ.items() if name.upper().startswith(kept)}
        # Compiling takes as long as installing, and shows nothing.
        result |= {
            "PIP_NO_COMPILE": "1",
            "PATH": f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": os.environ["HOME"],
        }
        for name, value in variables.items():
            if name != "HOME":
                parts = [str(self.here(part, stage)) if part.startswith("/opt/") else part for part in value.split(":")]
                result[name] = ":".join(parts).replace("$PATH", result["PATH"])
        return result

    def _do(self, command: dockerfile.Command) -> None:
        match command.cmd:
            case "FROM" if command.value[0] in stages():
                shutil.copytree(
                    self._stages / command.value[0], self.root, symlinks=True, copy_function=_link, dirs_exist_ok=True
                )
                self._working = _working_folder(command.value[0])
            case "WORKDIR":
                self._working = command.value[0]
                self.here(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(command)
            case "RUN":
                self._run(command)

    def _copy(self, command: dockerfile.Command) -> None:
        *sources, target = command.value
        for source in sources:
            origin = self._stages / _taken_from(command)[0] if command.flags else self._context
            from_path, to_path = origin / source.lstrip("/"), self.here(target)
            if from_path.is_dir():
                shutil.copytree(from_path, to_path, symlinks=True, copy_function=_link, dirs_exist_ok=True)
            else:
                to_path = to_path / Path(source).name if target.endswith("/") else to_path
                to_path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(from_path, to_path)

    def _run(self, command: dockerfile.Command) -> None:
        assert command.json, f"line {command.start_line}: only a program with its arguments can be run here"
        words = [str(self.here(word)) if word.startswith("/") else word for word in command.value]
        if "/" in words[0]:
            words[0] = str(self.here(command.value[0]))
        if not self.ran:
            self._count_as_installed(self.here(command.value[-1]))
        self.ran.append(command.value)
        subprocess.run(words, cwd=self.here("."), env=self.environment({}), check=True)

    def _count_as_installed(self, environment: Path) -> None:
        """Let pip see the packages of the environment that runs the tests: they need not be fetched again."""
        folder = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
        folder.mkdir(parents=True)
        (folder / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")


def _taken_from(command: dockerfile.Command) -> list[str]:
    if command.cmd == "FROM":
        return [name for name in command.value[:1] if name in stages()]
    return [flag.removeprefix("--from=") for flag in command.flags if flag.startswith("--from=")]


def _working_folder(stage: str) -> str:
    folders = [command.value[0] for command in stages()[stage] if command.cmd == "WORKDIR"]
    base = stages()[stage][0].value[0]
    return folders[-1] if folders else _working_folder(base) if base in stages() else "/"


def _link(source: str, target: str) -> None:
    Path(target).unlink(missing_ok=True)
    os.link(source, target, follow_symlinks=False)

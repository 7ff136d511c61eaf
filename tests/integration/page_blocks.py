"""The code blocks of a page of the docs, and what the page says that they print; run as a reader would, by their own means."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from shared.settings import PACKAGE_ROOT

_BLOCK = re.compile(r"```(sh|python)\n(.*?)```(?:\n```text\n(.*?)```)?", re.DOTALL)
_BROKER = "kafka.example.org:9092"


@dataclass(frozen=True)
class Block:
    """A piece of code; `prints` is None where the page does not say."""

    section: str
    language: str
    code: str
    prints: str | None


def blocks(page: Path) -> list[Block]:
    """All that can be run, in the order of the page."""
    found = []
    for part in page.read_text().split("\n## "):
        section = part.splitlines()[0]
        found += [Block(section, *match.groups()) for match in _BLOCK.finditer(part)]
    return found


class Reader:
    """Runs blocks in a folder against a broker, under a prefix in the place of `adr`. `adrwatch` is that of this checkout."""

    def __init__(self, folder: Path, broker: str, prefix: str) -> None:
        self.folder = folder
        self._broker = broker
        self._prefix = prefix
        self._tools = folder / "tools"
        self._tools.mkdir()
        self.today = "2026-03-01"
        self.tool("adrwatch", f'exec {sys.executable} -m services.cli "$@"')
        self.tool("date", 'echo "$TODAY"')
        if shutil.which("kcat") is None:
            self.tool("kcat", f'exec {sys.executable} -m tests.integration.librdkafka_cat "$@"')

    def tool(self, name: str, script: str) -> None:
        """Make a command that the blocks find."""
        path = self._tools / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, block: Block) -> str:
        """What it prints. It must end well."""
        code = re.sub(r"\badr\.(?=[a-z \n])", f"{self._prefix}.", block.code.replace(_BROKER, self._broker))
        command = ["bash", "-eo", "pipefail", "-c", code] if block.language == "sh" else [sys.executable, "-c", code]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")}
        environment |= {
            "ADRWATCH_KAFKA_BOOTSTRAP": self._broker, "ADRWATCH_TOPIC_PREFIX": self._prefix, "TODAY": self.today,
            "PATH": f"{self._tools}:{environment['PATH']}", "PYTHONPATH": str(PACKAGE_ROOT),
            "ADRWATCH_DATA_DIR": str(self.folder / "data"),
        }  # fmt: skip
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return "\n".join(line.rstrip() for line in done.stdout.splitlines())

    def check(self, block: Block) -> None:
        """Run it, and compare what it prints with what the page says."""
        printed = self.run(block)
        if block.prints is not None:
            assert printed == block.prints.rstrip(), block.code

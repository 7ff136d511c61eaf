from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy.local import kafka_jars as module
from deploy.local.kafka_jars import KAFKA, PINS, ChecksumError, kafka_jars, pinned
from deploy.local.processes import Context
from shared.errors import AdrwatchError

CONTENT = b"a jar"
PIN = f"org.example:thing:1.0 {hashlib.sha256(CONTENT).hexdigest()}\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Maven repository on the loopback with one jar."""
    jar = tmp_path / "mirror" / "org" / "example" / "thing" / "1.0" / "thing-1.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "mirror")))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", jar
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pins.txt"
    file.write_text(PIN)
    monkeypatch.setattr(module, "PINS", file)


def test_every_line_of_the_shipped_list_is_a_pin_and_the_broker_is_among_them() -> None:
    lines = [line for line in PINS.read_text().splitlines() if not line.startswith("#")]
    jars = pinned(PINS.read_text())
    assert len(jars) == len(lines) == len({jar.file_name for jar in jars})
    assert f"kafka_2.13-{KAFKA}.jar" in {jar.file_name for jar in jars}


def test_jars_come_from_a_mirror_and_are_verified(context: Context, mirror: tuple[str, Path]) -> None:
    folder, how = kafka_jars(context, mirror[0])
    assert (folder / "thing-1.0.jar").read_bytes() == CONTENT
    assert how == mirror[0]
    assert kafka_jars(context, "http://127.0.0.1:1") == (folder, "cache")


def test_a_damaged_download_is_refused_and_not_kept(context: Context, mirror: tuple[str, Path]) -> None:
    mirror[1].write_bytes(b"something else")
    with pytest.raises(ChecksumError, match=r"thing-1\.0\.jar is damaged or not the pinned file"):
        kafka_jars(context, mirror[0])
    mirror[1].write_bytes(CONTENT)
    assert kafka_jars(context, mirror[0])[1] == mirror[0]


def test_a_jar_damaged_in_the_cache_is_got_again(context: Context, mirror: tuple[str, Path]) -> None:
    folder, _ = kafka_jars(context, mirror[0])
    (folder / "thing-1.0.jar").write_bytes(b"rotten")
    kafka_jars(context, mirror[0])
    assert (folder / "thing-1.0.jar").read_bytes() == CONTENT


def test_a_missing_jar_names_the_ways_out(context: Context, mirror: tuple[str, Path]) -> None:
    mirror[1].unlink()
    with pytest.raises(AdrwatchError, match="404") as caught:
        kafka_jars(context, mirror[0])
    assert "ADRWATCH_MAVEN_URL" in caught.value.fix
    assert "ADRWATCH_KAFKA_BOOTSTRAP" in caught.value.fix


def test_when_maven_fails_the_jars_are_fetched_directly(
    context: Context, mirror: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mvn").write_text("#!/bin/sh\necho '[ERROR] no route to host'; exit 1\n")
    (programs / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(module, "MAVEN_CENTRAL", mirror[0])
    assert kafka_jars(context, mirror[0])[1] == mirror[0]
    mirror[1].unlink()
    with pytest.raises(AdrwatchError, match="no route to host"):
        kafka_jars(Context(context.data_dir, context.cache_dir / "other"), mirror[0])


def test_maven_is_asked_for_exactly_the_pinned_jars(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    # The stand-in saves the project file it was given, and leaves the jar where it was told to.
    script = f"""#!/bin/sh
for word in "$@"; do case "$word" in -DoutputDirectory=*) out="${{word#*=}}";; esac; done
cp "$out/pom.xml" {tmp_path}/pom.xml; printf 'a jar' > "$out/thing-1.0.jar"
"""
    (programs / "mvn").write_text(script)
    (programs / "mvn").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    folder, how = kafka_jars(context)
    assert how == "Maven"
    assert [path.name for path in folder.iterdir()] == ["thing-1.0.jar"]
    pom = (tmp_path / "pom.xml").read_text()
    assert "<artifactId>thing</artifactId><version>1.0</version><exclusions>" in pom

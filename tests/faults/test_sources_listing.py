"""`adrwatch sources list` where no broker answers: what waits on this disk is known all the same."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest

from services import cli
from services.ingest.commands import sources
from shared import settings
from tests.networks.source import Source
from tests.unit.ingest.networks.test_spool import parcel, spool


def waiting(bootstrap: str, folder: Path) -> Source:
    """A source with two posts in its spool."""
    source = Source(bootstrap, "adr", folder, "s", {"type": "bluesky"}, lambda: 0)
    source.configure()
    with spool(folder) as one:
        one.append([parcel(1), parcel(2)])
    return source


def test_while_the_broker_is_away_the_list_says_what_waits_on_disk(tmp_path: Path) -> None:
    done = waiting("127.0.0.1:1", tmp_path).command("sources", "list", "--json")
    assert (done.returncode, "no Kafka broker answers" in done.stderr) == (2, True)
    [listed] = json.loads(done.stdout)
    assert (listed["state"], listed["spooled"]) == ("broker away", 2)
    assert listed["spooled_since"] is not None


def test_a_broker_that_is_stopped_and_keeps_its_connections_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Like a process that got SIGSTOP: the system takes connections, and nobody answers."""
    # The ways in which kafka-python waits end later.
    monkeypatch.setattr(sources, "_PATIENCE_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as stopped:
        source = waiting(f"127.0.0.1:{stopped.getsockname()[1]}", tmp_path)
        for name, value in source.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["adrwatch", "sources", "list", "--json"])
        settings.current.cache_clear()
        with pytest.raises(SystemExit) as left:
            cli.main()
    settings.current.cache_clear()
    assert left.value.code == 2
    said = capfd.readouterr()
    assert "gave no answer for 1 s" in said.err
    [listed] = json.loads(said.out)
    assert (listed["state"], listed["spooled"]) == ("broker away", 2)

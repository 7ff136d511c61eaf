"""The live sources as `adrwatch sources list` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.dashboard.operations.tail import Tail
from services.dashboard.operations.watch import Found
from services.ingest.networks import positions, segments
from services.ingest.networks.configuration import load
from services.ingest.networks.spool import folder_of
from shared.events import Position
from shared.settings import Settings
from shared.topics import POSITIONS

_WELL = ("running", "stopped")


class Sources:
    """Those of the sources file, and those that have ever told of a position. For one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tail = Tail(settings, POSITIONS)
        self._last: dict[str, Position] = {}

    def look(self) -> list[dict[str, Any]]:
        """One report each. Raises DependencyAway, and AdrwatchError for a sources file that is wrong."""
        self._last |= positions.latest(self._tail.catch_up())
        configured = load(self._settings) if self._settings.sources_file is not None else {}
        reports = []
        for name in sorted(configured.keys() | self._last.keys()):
            source = configured.get(name)
            kind = str(type(source).__struct_config__.tag) if source is not None else ""
            spool = segments.contents(folder_of(self._settings, name))
            reports.append(
                positions.report(name, kind, source.address if source is not None else "", self._last.get(name), spool)
            )
        return reports

    def close(self) -> None:
        """Let the connection go."""
        self._tail.close()


def judged(reports: Sequence[dict[str, Any]]) -> Found:
    """Sources that wait, or are not heard of. Pure."""
    if not reports:
        return Found("none: posts come from files only")
    ill = [one["name"] for one in reports if one["state"] not in _WELL]
    detail = f"{len(reports) - len(ill)} of {len(reports)} run or were stopped"
    if ill:
        return Found(detail, f"{', '.join(ill)} does not run", "the table of sources says why")
    return Found(detail)

"""The sources file: named sources, each of a network, read and checked."""

from __future__ import annotations

from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.discourse.configuration import Discourse
from services.ingest.networks.feeds.configuration import Feeds
from services.ingest.networks.keys import SourceKeys
from services.ingest.networks.mastodon.configuration import Mastodon
from services.ingest.networks.reddit.configuration import Reddit
from services.ingest.networks.x.configuration import X
from services.ingest.push.configuration import Push, examine_apart
from services.ingest.readers import SOURCE_NAME
from shared import named_tables
from shared.errors import AdrwatchError
from shared.settings import Settings

PAGE = "docs/sources.md"

# What a source may be; each network is one more.
KINDS: tuple[type[SourceKeys], ...] = (Bluesky, Discourse, Feeds, Mastodon, Push, Reddit, X)


def load(settings: Settings) -> dict[str, SourceKeys]:
    """The sources by name. Raises AdrwatchError naming the first thing that is wrong."""
    found, wrong = examine(settings)
    if wrong:
        raise wrong[0]
    return found


def examine(settings: Settings) -> tuple[dict[str, SourceKeys], list[AdrwatchError]]:
    """The sources that are right, and everything that is wrong. Raises AdrwatchError where the file cannot be read at all."""
    path = settings.sources_file
    if path is None:
        raise AdrwatchError("no sources are configured", fix=f"set ADRWATCH_SOURCES_FILE ({PAGE})")
    raw = named_tables.read(path, "ADRWATCH_SOURCES_FILE")
    tables = raw.get("sources")
    if not isinstance(tables, dict) or not tables:
        raise AdrwatchError(f"{path} has no source", fix="write a table such as [sources.bluesky]")
    wrong = [named_tables.unknown(key, ("sources",), str(path)) for key in raw.keys() - {"sources"}]
    sources: dict[str, SourceKeys] = {}
    for name, table in tables.items():
        try:
            sources[name] = _source(name, table)
        except AdrwatchError as error:
            wrong.append(error)
    wrong += examine_apart({name: source for name, source in sources.items() if isinstance(source, Push)})
    return sources, wrong


def chosen(sources: dict[str, SourceKeys], name: str | None) -> dict[str, SourceKeys]:
    """One source by its name, or all where no name is given. Raises AdrwatchError where there is none of that name."""
    if name is None:
        return sources
    if name not in sources:
        raise AdrwatchError(f"there is no source {name}", fix=f"sources are {', '.join(sources)}")
    return {name: sources[name]}


def read_here(sources: dict[str, SourceKeys]) -> dict[str, SourceKeys]:
    """Those that adrwatch reads itself. Raises AdrwatchError where there is none."""
    found = {name: source for name, source in sources.items() if not isinstance(source, Push)}
    if not found:
        raise AdrwatchError(
            f"{', '.join(sources)}: posts are pushed here, there is nothing to read", fix="run `adrwatch worker push`"
        )
    return found


def pushed_here(sources: dict[str, SourceKeys]) -> dict[str, Push]:
    """Those whose posts are pushed. Raises AdrwatchError where there is none."""
    found = {name: source for name, source in sources.items() if isinstance(source, Push)}
    if not found:
        raise AdrwatchError(
            "no posts are pushed: the sources file has no source of the type push", fix="see docs/sources/push.md"
        )
    return found


def _source(name: str, table: object) -> SourceKeys:
    where = f"source {name}"
    if not SOURCE_NAME.fullmatch(name):
        raise AdrwatchError(f"{where}: no name for a source", fix="use small letters, digits, - and _, 32 at most")
    source: SourceKeys = named_tables.convert(where, table, KINDS, PAGE)
    source.examine_terms(where)
    source.examine(where)
    return source

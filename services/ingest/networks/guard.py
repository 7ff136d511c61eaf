"""Between a network and the frame that follows it: what nobody foresaw in the one must not end the other, nor other networks."""

from __future__ import annotations

import math
import traceback
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from kafka.errors import KafkaError

from services.ingest.networks.network import Item, Network
from services.ingest.source import SourceBroken
from shared import retry_after
from shared.errors import AdrwatchError
from shared.logs import logger

log = logger("sources")


def guarded(source: str, network: Network, cursor: str | None) -> Generator[Item | None, None, None]:
    """What the network has from the place on. An exception that its code did not foresee is a break like any other.

    Raises SourceBroken, and what else is said in so many words (AdrwatchError), or is the broker's.
    """
    with closing(network.follow(cursor)) as items:
        while True:
            try:
                item = next(items)
            except StopIteration:
                return
            except (AdrwatchError, KafkaError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, other sources and Kafka are not at fault and go on
                # Where it happened, and no message, for that may quote a post.
                places = traceback.extract_tb(error.__traceback__)[1:]
                where = [f"{Path(one.filename).name}:{one.lineno}" for one in places]
                name = type(error).__name__
                log.error("a network failed in a way that nobody foresaw", source=source, error=name, where=where)
                raise SourceBroken(f"its network failed in a way that nobody foresaw ({name})") from None
            yield item


def patience(wanted: float | None) -> float | None:
    """The seconds that a network wants to be left alone, a day at most; None where that is not known, or no number."""
    if wanted is None or math.isnan(wanted):
        return None
    return min(retry_after.MOST_SECONDS, max(0.0, wanted))

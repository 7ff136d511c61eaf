"""People at the dashboard, in a process of their own: `python -m tests.benchmarks.dashboard_users ADDRESS`."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import asdict, dataclass, field
from typing import Annotated

import httpx
import typer

# What a browser asks for by itself once it has the page of an alert.
PARTS = ("trend", "evidence", "beside", "history")
_THINK_SECONDS = (0.5, 1.5)
_SORTS = ("since", "ebgm", "reports", "drug")
_PATIENCE = 30.0
_LINK = re.compile(r'data-id="([^"]+)"')
_ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')


@dataclass
class Waited:
    """Seconds of each answer by page, from the request to the last byte; `wrong` are answers that were none of the page.

    `served`: the seconds of it that the dashboard says it took.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    served: dict[str, list[float]] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)

    async def get(self, client: httpx.AsyncClient, page: str, address: str) -> str:
        """The text of a page, empty where it was not served."""
        began = time.perf_counter()
        try:
            answer = await client.get(address)
        except httpx.TransportError:
            served, text = False, ""
        else:
            served, text = answer.status_code == 200, answer.text
        if not served:
            self.wrong[page] = self.wrong.get(page, 0) + 1
            return ""
        self.seconds.setdefault(page, []).append(time.perf_counter() - began)
        self.served.setdefault(page, []).append(float(answer.headers["Server-Timing"].rpartition("dur=")[2]) / 1000)
        return text


async def _user(address: str, number: int, until: float, think: bool, waited: Waited) -> None:
    rng = random.Random(number)
    async with httpx.AsyncClient(base_url=address, timeout=_PATIENCE) as client:

        async def pause() -> None:
            await asyncio.sleep(rng.uniform(*_THINK_SECONDS) if think else 0)

        await pause()
        while time.monotonic() < until:
            query = f"sort={rng.choice(_SORTS)}&page={rng.randint(1, 5)}"
            alerts = _LINK.findall(await waited.get(client, "alerts", f"/alerts?{query}"))
            await pause()
            if not alerts:
                continue
            here = f"/alerts/{rng.choice(alerts)}"
            await waited.get(client, "alert", here)
            await asyncio.gather(*(waited.get(client, part, f"{here}/{part}") for part in PARTS))
            await pause()


async def work(address: str, users: int, seconds: float, think: bool) -> Waited:
    """So many users at once for so many seconds: the list, an alert of it, its parts, over and over."""
    waited, until = Waited(), time.monotonic() + seconds
    await asyncio.gather(*(_user(address, number, until, think, waited) for number in range(users)))
    return waited


def first_load(address: str) -> int:
    """Bytes of the bodies, as they are sent, of the list of alerts and what it links, for a browser that has nothing of it."""
    with httpx.Client(base_url=address, timeout=_PATIENCE, headers={"Accept-Encoding": "gzip"}) as client:

        def sent(path: str) -> tuple[int, str]:
            answer = client.get(path).raise_for_status()
            return answer.num_bytes_downloaded, answer.text

        size, page = sent("/alerts")
        return size + sum(sent(path)[0] for path in dict.fromkeys(_ASSET.findall(page)))


def main(
    address: Annotated[str, typer.Argument(help="Where the dashboard is.")],
    users: Annotated[int, typer.Option(min=1)] = 20,
    seconds: Annotated[float, typer.Option(min=0.1)] = 60.0,
    think: Annotated[bool, typer.Option(help="Pause between pages as people do.")] = True,
) -> None:
    """Work at the dashboard, and print the seconds as JSON."""
    waited = asyncio.run(work(address, users, seconds, think))
    typer.echo(json.dumps(asdict(waited)))


if __name__ == "__main__":
    typer.run(main)

"""Plays posts on networks of this machine until it is told to stop: the other side of `adrwatch up --networks fake`.

Into its folder go `sources.toml`, for the sources to read, and `said.jsonl`: what was posted and deleted where, one object a line,
with which anybody can check what came through. Every so often a post is deleted, and a network throws its listeners out.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO

from tests.networks.source import toml
from tests.networks.town import CONTACT, Place, Said, town

# Every so many posts of a network one is deleted, and the network breaks off.
DELETED_EVERY = 25
BROKEN_EVERY = 150
# Every so many posts one says how to reach somebody.
NAMED_EVERY = 10


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--posts", type=Path, required=True, help="JSON lines with a text each")
    parser.add_argument("--rate", type=float, default=2.0, help="posts a second at each network")
    parser.add_argument("--push-url", required=True, help="where adrwatch takes pushed posts")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    texts = [json.loads(line)["text"] for line in arguments.posts.read_text().splitlines()]
    with (
        town(arguments.folder, arguments.push_url) as places,
        (arguments.folder / "said.jsonl").open("a", buffering=1) as ledger,
    ):
        write_sources(arguments.folder / "sources.toml", places)
        threads = [
            threading.Thread(target=play, args=[place, texts[at :: len(places)], arguments.rate, ledger, stop])
            for at, place in enumerate(places)
        ]
        for thread in threads:
            thread.start()
        while not stop.wait(1.0):
            pass
        for thread in threads:
            thread.join()


def write_sources(path: Path, places: list[Place]) -> None:
    """The sources file, whole or not at all."""
    tables = []
    for place in places:
        tables += [f"[sources.{place.name}]", *(f"{key} = {toml(value)}" for key, value in place.keys.items()), ""]
    draft = path.with_suffix(".draft")
    draft.write_text("\n".join(tables))
    draft.replace(path)


def play(place: Place, texts: list[str], rate: float, ledger: IO[str], stop: threading.Event) -> None:
    """Post the texts over and over, at a rate, until `stop`."""
    # Numbers go on from where an earlier run of this machine ended: a source remembers how far it has come.
    # A source begins with the present: what nobody has come for yet would not be heard.
    while not place.visits():
        if stop.wait(0.1):
            return
    begin, recent, count = int(time.time() * 1000), deque[Said](maxlen=DELETED_EVERY), 0
    while not stop.wait(1 / rate):
        text = texts[count % len(texts)]
        said = place.say(begin + count, f"{text} {CONTACT}" if count % NAMED_EVERY == 0 else text)
        note(ledger, place, "post", said)
        recent.append(said)
        count += 1
        if count % DELETED_EVERY == 0:
            gone = recent.popleft()
            if place.take_back(gone):
                note(ledger, place, "delete", gone)
        if count % BROKEN_EVERY == 0:
            place.break_off()


def note(ledger: IO[str], place: Place, what: str, said: Said) -> None:
    """One line of the ledger."""
    heard = said.heard and (what == "post" or place.keeps_deletions)
    line = {"source": place.name, "what": what, "address": said.address, "text": said.text, "heard": heard}
    ledger.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()

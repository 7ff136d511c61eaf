"""A worker of the pipeline as a later adrwatch may be: its messages have more fields, and a word that this one does not know.

Run as a process: python -m tests.faults.later_pipeline
"""

from __future__ import annotations

import json
import sys
from typing import Any

from services import cli
from services.pipeline import worker
from shared.events import Event, Mention, encode

FIELD = "a_later_field"


def later(event: Event) -> bytes:
    """The message with what is not known yet."""
    message: dict[str, Any] = {**json.loads(encode(event)), FIELD: {"of": "a later version"}}
    if isinstance(event, Mention):
        message["person"] = "a-later-word"
    return json.dumps(message).encode()


if __name__ == "__main__":
    worker.encode = later
    sys.argv = ["adrwatch", "worker", "pipeline"]
    cli.main()

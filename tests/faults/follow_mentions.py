"""A process that keeps the dashboard's file of mentions up until it is killed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from services.dashboard.view.follow import Follower
from services.dashboard.view.mentions import Mentions
from shared.settings import load


def main(bootstrap: str, folder: str) -> None:
    settings = load(kafka_bootstrap=bootstrap, data_dir=Path(folder))
    Follower(settings, Mentions(settings.data_dir)).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

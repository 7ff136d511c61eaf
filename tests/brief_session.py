"""The `adrwatch` command with workers whose place the broker keeps for eight seconds after they are gone, in place of twenty.

For tests that wait until a worker's place is given away and are about what happens then: python -m tests.brief_session WORDS
"""

from __future__ import annotations

from shared import broker

if __name__ == "__main__":
    # Two heartbeats may fail; the broker takes no less than six seconds.
    broker.SESSION_SECONDS = 8.0
    # Imported now, for other modules copy the number.
    from services.cli import main

    main()

"""A worker of adrwatch's own stream code with a handler that fails on demand; run as a process by the fault tests.

Reads posts as raw bytes and writes each one's value to `outcomes` under the value as key. FLAKY_FAILURES is the share of
calls that find the dependency away (1 means always), FLAKY_DELAY the seconds a call takes. Values that begin with `poison`
raise inside the batch; values that begin with `refused` are refused by name; with FLAKY_MENDED both pass. FLAKY_SESSION is
how many seconds the broker keeps the place of a worker that is gone.
"""

from __future__ import annotations

import asyncio
import os
import random

from shared import health_port, settings
from shared.errors import BadMessage, DependencyAway
from shared.logs import logger
from shared.stream import BatchResult, Output, Record
from shared.stream import worker as session
from shared.stream.worker import Worker
from shared.topics import OUTCOMES, POSTS

log = logger("flaky")

# Who passed a record on.
_BY = (("worker", os.environ.get("ADRWATCH_WORKER_ID", "").encode()),)


async def handle(records: list[Record]) -> BatchResult:
    """Fail as told, else pass every record on."""
    delay = float(os.environ.get("FLAKY_DELAY", "0"))
    if delay >= 1:
        log.info("a call begins")
    await asyncio.sleep(delay)
    if random.random() < float(os.environ.get("FLAKY_FAILURES", "0")):
        raise DependencyAway("the flaky dependency is away")
    result, mended = BatchResult(), "FLAKY_MENDED" in os.environ
    for record in records:
        value = record.value or b""
        if value.startswith(b"poison") and not mended:
            raise ValueError("a poison record raises inside the batch")
        if value.startswith(b"refused") and not mended:
            result.bad.append((record, BadMessage("refused", "the handler refuses this record")))
        else:
            result.outputs.append(Output(OUTCOMES, value.decode(), value, record.partition, _BY))
    return result


if __name__ == "__main__":
    if seconds := os.environ.get("FLAKY_SESSION"):
        session.SESSION_SECONDS = float(seconds)
    health_port.serve("flaky", settings.load())
    worker = Worker("flaky", settings.load())
    worker.batch_agent(POSTS, handle, stage="flaky")
    worker.run()

"""Structured logs: one JSON object a line on standard error. Never a post's text, handle or id of a person."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

from shared import traces

# Fields that may carry what people wrote. A log line that names one is a mistake; its value is dropped.
FORBIDDEN = frozenset({"text", "handle", "user", "payload", "phrase"})


def _drop_forbidden(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for key in FORBIDDEN & event.keys():
        event[key] = "withheld"
    return event


def _add_trace(logger: object, name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.update(traces.ids())
    return event


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what standard error is at the time: one that was put in its place for a while may be closed since."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's loggers through one JSON renderer.

    The libraries' debug records are disabled as a whole: building them costs a consumer about a seventh of its speed.
    """
    shared_processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _add_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_forbidden,
    ]
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _StandardError()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # Kafka's clients report each connection they open at INFO, and at DEBUG the values of messages, which hold text, as those of
    # websockets do; HTTP's report whole addresses at INFO, and that of a chat's webhook is a secret;
    # tweepy reports headers at DEBUG, with the credential, and urllib3 addresses that are signed; asyncprawcore ids of posts.
    for chatty in ("kafka", "aiokafka", "httpx", "httpcore", "websockets", "tweepy", "urllib3", "asyncprawcore"):
        logging.getLogger(chatty).setLevel("WARNING")
    # Faust reports its stages at INFO, and at DEBUG the keys and values that it sends.
    logging.getLogger("faust").setLevel("INFO" if level == "DEBUG" else level)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.disable(logging.NOTSET if level == "DEBUG" else logging.DEBUG)
    structlog.contextvars.bind_contextvars(service=service)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines carry `part=name`."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(part=name)
    return bound

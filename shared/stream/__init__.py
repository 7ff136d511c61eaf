"""Reading and writing topics without loss: a Faust worker and its micro-batch loop, shared by pipeline and alerting."""

from shared.stream.batches import BatchHandler, BatchResult, Output, Record
from shared.stream.worker import Worker

__all__ = ["BatchHandler", "BatchResult", "Output", "Record", "Worker"]

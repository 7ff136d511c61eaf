"""Reading and writing topics without loss: a Faust worker and its micro-batch loop, shared by pipeline and alerting.

The worker is in `shared.stream.worker`: who only speaks of records and outputs does not wait until Faust is loaded.
"""

from shared.stream.batches import BatchHandler, BatchResult, Output, Record

__all__ = ["BatchHandler", "BatchResult", "Output", "Record"]

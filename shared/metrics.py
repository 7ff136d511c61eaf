"""Every metric of adrwatch, declared once, with what it means."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

# Records a worker took from a topic, whatever became of them; redelivered ones count again.
RECORDS_IN = Counter("adrwatch_records_in_total", "records read", ["stage", "topic"])
# Records a worker wrote, counted when the broker has acknowledged them.
RECORDS_OUT = Counter("adrwatch_records_out_total", "records written and acknowledged", ["stage", "topic"])
# Records that went to the dead letters, by the reason that stands in them.
DEAD_LETTERS = Counter("adrwatch_dead_letters_total", "records sent to the dead letters", ["stage", "reason"])
# Size of the micro-batches as they were handled.
BATCH_SIZE = Histogram(
    "adrwatch_batch_size", "records in a micro-batch", ["stage"], buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
# From taking a batch to the acknowledgement of its last output, retries included.
BATCH_SECONDS = Histogram("adrwatch_batch_seconds", "time to handle a micro-batch", ["stage"])
# A batch was tried again because a server did not answer.
RETRIES = Counter("adrwatch_retries_total", "batches tried again because a dependency was away", ["stage"])
# 1 while the last call of a stage found its dependency, 0 while it is away.
DEPENDENCY_UP = Gauge("adrwatch_dependency_up", "whether the stage's dependencies answered last time", ["stage"])
# What became of posts: screened by reason, negative, mentions, dead.
OUTCOMES = Counter("adrwatch_outcomes_total", "posts by outcome", ["outcome"])
# One inference request, from sending the batch to its answer.
INFERENCE_SECONDS = Histogram("adrwatch_inference_seconds", "time of one inference request", ["model"])

"""Every metric of adrwatch, declared once, with what it means."""

from __future__ import annotations

import time
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

_DAY_SECONDS = 86_400
_FROM_POSTS = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 7200, 21_600, _DAY_SECONDS)

# Records a worker took from a topic, whatever became of them; redelivered ones count again.
RECORDS_IN = Counter("adrwatch_records_in_total", "records read", ["stage", "topic"])
# Records a worker wrote, counted when the broker has acknowledged them.
RECORDS_OUT = Counter("adrwatch_records_out_total", "records written and acknowledged", ["stage", "topic"])
# Records that went to the dead letters, by the reason that stands in them.
DEAD_LETTERS = Counter("adrwatch_dead_letters_total", "records sent to the dead letters", ["stage", "reason"])
# 1 while a stage stands still at a partition for its dead letters, until somebody lets it go on.
STAGE_PAUSED = Gauge(
    "adrwatch_stage_paused", "whether a stage stands still for its dead letters", ["stage", "partition"]
)
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
# 1 for each worker that runs: which service, which of its workers, and the version of adrwatch.
WORKER_INFO = Gauge("adrwatch_worker_info", "a worker and its version", ["service", "worker", "version"])
# 1 while what the worker needs answers (kafka, partitions, triton, redis, database), or a stage goes on, as /health/ready tells it.
PART_UP = Gauge("adrwatch_part_up", "whether a part answers", ["part"])
# Offsets of a partition that lie ahead of what a stage has handled, by the broker's own word every few seconds; of compacted topics
# fewer records. Only the worker that owns the partition has it.
LAG = Gauge("adrwatch_lag_records", "offsets not handled yet", ["stage", "partition"])
# For how long a stage has committed nothing although something lies in the partition; 0 where all is committed.
COMMIT_AGE = Gauge(
    "adrwatch_commit_age_seconds", "time since the last commit while something waits", ["stage", "partition"]
)
# Micro-batches that a stage has in hand.
BATCHES = Gauge("adrwatch_batches_in_flight", "batches in hand", ["stage"])
# What became of posts: screened by reason, negative, mentions, dead.
OUTCOMES = Counter("adrwatch_outcomes_total", "posts by outcome", ["outcome"])
# Of the screened ones, why; redelivered ones count again. `adrwatch screen counts` tells the same of distinct posts.
SCREENED = Counter("adrwatch_screened_total", "posts that the screen stopped", ["reason"])
# Of the posts that name a medicine, where posts are read in several languages; `other`: surely none of these.
LANGUAGES = Counter("adrwatch_languages_total", "posts that name a medicine by their language", ["language"])
# One inference request, from sending the batch to its answer.
INFERENCE_SECONDS = Histogram("adrwatch_inference_seconds", "time of one inference request", ["model"])
# Number of the version of both models that a pipeline worker asks: differs between workers only while they go over.
MODEL_VERSION = Gauge("adrwatch_model_version", "number of the model version in use")
# What the classifier thinks of the posts that the screen let through: its calibrated probability.
SCORES = Histogram("adrwatch_model_score", "probability of a report", buckets=[number / 20 for number in range(1, 21)])
# How far the last posts (ADRWATCH_DRIFT_WINDOW) are from the reference of the model's version: population stability index of the
# classifier's probabilities (scores), and of word pieces per word, which rise with words that the model does not know (pieces).
# NaN while there are fewer than 500 posts, or no reference.
DRIFT = Gauge("adrwatch_model_drift", "population stability index against the reference", ["of"])
# Word pieces per word, in the last posts (window) and in the reference.
PIECES = Gauge("adrwatch_model_pieces_per_word", "word pieces per word", ["of"])
# Share of posts that the classifier takes for reports, by source with 200 of the last posts or more (window), and in the
# reference, where that does not know the source of all sources.
POSITIVE_SHARE = Gauge("adrwatch_positive_share", "share of posts taken for reports", ["source", "of"])
# Names of the team's own drug list that a worker goes by: the same in all workers some seconds after a change.
OWN_DRUG_NAMES = Gauge("adrwatch_own_drug_names", "names of the team's own drug list in use")
# Posts with a pair that alerting wrote into the windows; redelivered ones count again.
REPORTS = Counter("adrwatch_reports_total", "reports written into the windows")
# Reports in closed buckets that are linked to an earlier one: repost (the same words), near_duplicate (nearly the same).
LINKED = Gauge("adrwatch_reports_linked", "reports that do not count again", ["kind"])
# Posts with a pair that came after their bucket was let go: nothing else is known of them.
TOO_LATE = Counter("adrwatch_reports_too_late_total", "reports older than the buckets that are kept")
# Buckets evaluated again because a report came late or was taken back.
REOPENED = Counter("adrwatch_buckets_reopened_total", "closed buckets evaluated again")
# Event time below which every partition has been read, seconds since 1970.
WATERMARK = Gauge("adrwatch_watermark_seconds", "event time that alerting has reached")
# One look for closed buckets that found some: reading, counting, rules, publishing.
EVALUATION_SECONDS = Histogram("adrwatch_evaluation_seconds", "time to evaluate what has become due")
# From when a person wrote a post (written), or a source took it in (arrived), until the pipeline knew what becomes of it. Posts
# that are older than a day were replayed, and are left out, here and in the next.
POST_SECONDS = Histogram("adrwatch_post_seconds", "time from a post to its outcome", ["since"], buckets=_FROM_POSTS)
# From when a person wrote the post of a single report, or from the end of the newest bucket of a signal, until the alert was
# published; an update counts again.
ALERT_SECONDS = Histogram(
    "adrwatch_alert_seconds", "time from a post or a closed bucket to its alert", ["kind"], buckets=_FROM_POSTS
)
# Alerts published and acknowledged; an update counts again.
ALERTS = Counter("adrwatch_alerts_total", "alerts published", ["kind", "lane"])
# Posts that a deletion took back from the windows, the queue and the published signals.
FORGOTTEN = Counter("adrwatch_posts_forgotten_total", "deletions taken in by alerting")
# From the request that a post is forgotten (its network, or a person) until a store had: topics, pipeline, windows, signals, cases.
FORGET_SECONDS = Histogram(
    "adrwatch_forget_seconds",
    "time from the request to forget a post until a store had",
    ["store"],
    buckets=(0.5, 1, 2, 5, 10, 20, 30, 60, 300, 3600, 86400),
)
# Of these, the ones that took longer than the minute that is promised.
FORGET_LATE = Counter("adrwatch_forget_late_total", "posts that a store forgot too late", ["store"])
# Notices that a channel took (delivered), refused for good (parked), or need not know of any more (withdrawn).
NOTICES = Counter("adrwatch_notices_total", "notices by channel and outcome", ["channel", "outcome"])
# From the publication of an alert to its delivery; digests wait on purpose and are left out.
NOTICE_SECONDS = Histogram(
    "adrwatch_notice_seconds",
    "time from alert to notification",
    ["channel"],
    buckets=(1, 5, 15, 60, 300, 1800, 7200, 86400),
)
# Alerts that a channel has yet to look at.
NOTIFY_LAG = Gauge("adrwatch_notify_lag", "alerts that wait for a channel", ["channel"])

# What a live source read, by what it came to: post, deletion, account, reject, or why it was passed over.
SOURCE_EVENTS = Counter("adrwatch_source_events_total", "events read from a network", ["source", "kind"])
# Age of the last event that was read, noted every few seconds: how far a source is behind its network.
SOURCE_LAG = Gauge("adrwatch_source_lag_seconds", "age of the last event that a source has read", ["source"])
# Connections that broke or could not be made.
SOURCE_RECONNECTS = Counter("adrwatch_source_reconnects_total", "connections made anew", ["source"])
# Requests to push posts or deletions, by source and status of the answer; those of no known source under -.
PUSH_REQUESTS = Counter("adrwatch_push_requests_total", "requests to push", ["source", "status"])
# Time that a network no longer had when a source came back: posts of it were never read.
SOURCE_GAP = Counter("adrwatch_source_gap_seconds_total", "time missing between position and first event", ["source"])
# Texts that a source's policy does not let be kept any longer: tombstones written for posts and refused records.
TEXTS_FORGOTTEN = Counter("adrwatch_source_texts_forgotten_total", "texts forgotten by policy", ["source"])
# When texts that are too old were last looked for, seconds since 1970: every ten minutes while the broker is there.
TEXTS_LOOKED_AT = Gauge("adrwatch_source_texts_looked_at_seconds", "time of the last look for old texts", ["source"])
# When the oldest text was written that the last look left, seconds since 1970; 0 where none was left.
OLDEST_TEXT = Gauge("adrwatch_source_oldest_text_seconds", "time of the oldest text that is left", ["source"])
# Posts that a source has read and keeps on disk until Kafka takes them.
SPOOL_POSTS = Gauge("adrwatch_spool_posts", "posts that wait in the spool of a source", ["source"])
# The bytes of these posts on disk.
SPOOL_BYTES = Gauge("adrwatch_spool_bytes", "bytes in the spool of a source", ["source"])
# How long the oldest of them has waited, noted whenever the spool changes.
SPOOL_AGE = Gauge("adrwatch_spool_age_seconds", "how long the oldest post of a spool has waited", ["source"])
# Spans of traces by what became of them: sent; lost (the collector did not take them); dropped (too many waited for it).
SPANS = Counter("adrwatch_spans_total", "spans of traces", ["outcome"])
# Sign-ins to the dashboard: signed in, refused (wrong name or password), too many (made to wait).
SIGN_INS = Counter("adrwatch_sign_ins_total", "sign-ins to the dashboard", ["outcome"])


def passed(histogram: Histogram, since: datetime, *labels: str) -> None:
    """Note the time that has passed since then; nothing where that is more than a day."""
    seconds = time.time() - since.timestamp()
    if seconds <= _DAY_SECONDS:
        # Clocks of networks may be ahead of ours.
        histogram.labels(*labels).observe(max(0.0, seconds))

"""What the dashboards show: every panel with its question, queries and unit. `dashboards.py` makes Grafana's files of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lines", "number", "heatmap", "states", "table"]


@dataclass(frozen=True)
class Query:
    """PromQL, and how its series are called: labels in double braces."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """`question` is what it answers; `unit` as Grafana names units; `width` of 24."""

    title: str
    question: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "lines"
    width: int = 12


@dataclass(frozen=True)
class Page:
    """One dashboard. `rows`: panels under a heading each."""

    name: str
    title: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


def rate(metric: str, *by: str, of: str = "") -> Query:
    """How often a counter counts, a second, by labels."""
    return Query(f"sum by ({', '.join(by)}) (rate({metric}{of}[$__rate_interval]))", _called(by))


def quantile(metric: str, share: float, *by: str, of: str = "", called: str = "") -> Query:
    """What this share of a histogram's values is at most."""
    grouped = ", ".join(("le", *by))
    inner = f"sum by ({grouped}) (rate({metric}_bucket{of}[$__rate_interval]))"
    return Query(f"histogram_quantile({share}, {inner})", called or f"{_called(by)} {share:.0%}".strip())


def largest(metric: str, *by: str, of: str = "") -> Query:
    """The largest of a gauge over all workers, by labels."""
    return Query(f"max by ({', '.join(by)}) ({metric}{of})", _called(by))


def _called(by: tuple[str, ...]) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by)


FLOW = Page(
    "flow", "adrwatch: flow",
    (
        ("What comes and what becomes of it", (
            Panel("Records read", "How much does each stage take in?", (rate("adrwatch_records_in_total", "stage"),), "reqps"),
            Panel("Records written", "How much goes into each topic?", (rate("adrwatch_records_out_total", "topic"),), "reqps"),
            Panel("Outcomes of posts", "What becomes of posts?", (rate("adrwatch_outcomes_total", "outcome"),), "reqps"),
            Panel("Screened", "Why does the screen stop posts?", (rate("adrwatch_screened_total", "reason"),), "reqps"),
            Panel("Dead letters", "What cannot be processed, and why?",
                  (rate("adrwatch_dead_letters_total", "stage", "reason"),), "reqps"),
            Panel("Reports", "How many posts are counted, come too late, or open an hour again?",
                  (Query("sum(rate(adrwatch_reports_total[$__rate_interval]))", "counted"),
                   Query("sum(rate(adrwatch_reports_too_late_total[$__rate_interval]))", "too late"),
                   Query("sum(rate(adrwatch_buckets_reopened_total[$__rate_interval]))", "hours opened again")), "reqps"),
            Panel("Reports that do not count again", "How many are copies of earlier ones?",
                  (Query("sum by (kind) (adrwatch_reports_linked)", "{{kind}}"),)),
        )),
        ("Sources", (
            Panel("Events of sources", "What does each network bring?",
                  (rate("adrwatch_source_events_total", "source", "kind"),), "reqps"),
            Panel("Connections", "Which networks break off?", (rate("adrwatch_source_reconnects_total", "source"),), "reqps"),
            Panel("Requests to push", "Who pushes, and with which answer?",
                  (rate("adrwatch_push_requests_total", "source", "status"),), "reqps"),
            Panel("Gaps", "What was never read?",
                  (Query("sum by (source) (increase(adrwatch_source_gap_seconds_total[$__range]))", "{{source}}"),), "s"),
            Panel("Spools", "What waits on disk for Kafka?", (largest("adrwatch_spool_bytes", "source"),), "bytes"),
            Panel("Posts in spools", "How many posts is that, and how long has the oldest waited?",
                  (Query("max by (source) (adrwatch_spool_posts)", "{{source}} posts"),
                   Query("max by (source) (adrwatch_spool_age_seconds)", "{{source}} seconds"))),
        )),
        ("What was promised", (
            Panel("Posts taken back", "How many posts are forgotten?",
                  (Query("sum(rate(adrwatch_posts_forgotten_total[$__rate_interval]))", "alerting"),), "reqps"),
            Panel("Time to forget", "Is every store within the minute?",
                  (quantile("adrwatch_forget_seconds", 0.99, "store"),), "s"),
            Panel("Forgotten too late", "How often was it later?",
                  (Query("sum by (store) (increase(adrwatch_forget_late_total[$__range]))", "{{store}}"),)),
            Panel("Oldest text", "How old is the oldest text that a policy lets be kept?",
                  (Query("time() - max by (source) (adrwatch_source_oldest_text_seconds > 0)", "{{source}} oldest"),
                   Query("time() - max by (source) (adrwatch_source_texts_looked_at_seconds)", "{{source}} last look")), "s"),
            Panel("Texts forgotten", "How many texts go by policy?",
                  (rate("adrwatch_source_texts_forgotten_total", "source"),), "reqps"),
        )),
    ),
)  # fmt: skip

LAG = Page(
    "lag", "adrwatch: lag",
    (
        ("How far behind", (
            Panel("Lag", "How much waits for each stage?", (Query("sum by (stage) (adrwatch_lag_records)", "{{stage}}"),)),
            Panel("Lag by partition", "Does one partition hold the others up?",
                  (largest("adrwatch_lag_records", "stage", "partition"),)),
            Panel("Age of commits", "Does a partition stand still though something lies there?",
                  (largest("adrwatch_commit_age_seconds", "stage", "partition"),), "s"),
            Panel("Event time", "How far behind now is what signals are evaluated by?",
                  (Query("time() - max(adrwatch_watermark_seconds)", "watermark"),), "s"),
            Panel("Networks", "How old is what each source read last?", (largest("adrwatch_source_lag_seconds", "source"),), "s"),
            Panel("Channels", "How many alerts wait to be told?", (largest("adrwatch_notify_lag", "channel"),)),
        )),
        ("Why", (
            Panel("Parts", "Does everything answer that workers need?",
                  (Query("min by (service, part) (adrwatch_part_up)", "{{service}} {{part}}"),), kind="states"),
            Panel("Stages", "Did the last call find its server?",
                  (Query("min by (stage) (adrwatch_dependency_up)", "{{stage}}"),), kind="states"),
            Panel("Paused", "Which stages have stopped for an operator?",
                  (Query("max by (stage) (adrwatch_stage_paused)", "{{stage}}"),), kind="states"),
            Panel("Tried again", "How often was a batch repeated?", (rate("adrwatch_retries_total", "stage"),), "reqps"),
            Panel("Batches in hand", "Who works at this moment?",
                  (Query("sum by (stage) (adrwatch_batches_in_flight)", "{{stage}}"),)),
            Panel("Size of batches", "Do batches fill?",
                  (Query("sum by (stage) (rate(adrwatch_batch_size_sum[$__rate_interval])) "
                         "/ sum by (stage) (rate(adrwatch_batch_size_count[$__rate_interval]))", "{{stage}}"),)),
        )),
    ),
)  # fmt: skip

LATENCY = Page(
    "latency", "adrwatch: latency",
    (
        ("What people wait for", (
            Panel("Post to outcome", "How long until a post is decided, from when it was written and from when we had it?",
                  (quantile("adrwatch_post_seconds", 0.5, "since"), quantile("adrwatch_post_seconds", 0.95, "since")), "s"),
            Panel("To an alert", "How long from a post, or a closed hour, to its alert?",
                  (quantile("adrwatch_alert_seconds", 0.5, "kind"), quantile("adrwatch_alert_seconds", 0.95, "kind")), "s"),
            Panel("To a notice", "How long from an alert until its channel had it?",
                  (quantile("adrwatch_notice_seconds", 0.95, "channel"),), "s"),
            Panel("To forgetting", "How long from the request until a store had forgotten?",
                  (quantile("adrwatch_forget_seconds", 0.5, "store"), quantile("adrwatch_forget_seconds", 0.95, "store")), "s"),
        )),
        ("Where it goes", (
            Panel("A batch", "How long does a stage take for one?",
                  (quantile("adrwatch_batch_seconds", 0.5, "stage"), quantile("adrwatch_batch_seconds", 0.95, "stage")), "s"),
            Panel("An inference", "How long does Triton take for one request?",
                  (quantile("adrwatch_inference_seconds", 0.5, "model"),
                   quantile("adrwatch_inference_seconds", 0.95, "model")), "s"),
            Panel("Inferences", "How many requests does it get?",
                  (rate("adrwatch_inference_seconds_count", "model"),), "reqps"),
            Panel("An evaluation", "How long does it take to evaluate what is due?",
                  (quantile("adrwatch_evaluation_seconds", 0.95, called="95%"),), "s"),
        )),
    ),
)  # fmt: skip

MODELS = Page(
    "models", "adrwatch: models",
    (
        ("Drift", (
            Panel("Drift", "Are posts still what the model was made for? From .25 on they are not.",
                  (largest("adrwatch_model_drift", "of"),)),
            Panel("Word pieces per word", "Do posts have words that the model does not know?",
                  (largest("adrwatch_model_pieces_per_word", "of"),)),
            Panel("Scores", "How sure is the classifier of the posts of now?",
                  (Query("sum by (le) (increase(adrwatch_model_score_bucket[$__rate_interval]))", "{{le}}"),), kind="heatmap"),
            Panel("Share of reports", "Of which sources are more posts taken for reports than in the reference?",
                  (largest("adrwatch_positive_share", "source", "of"),), "percentunit"),
        )),
        ("In force", (
            Panel("Version of the models", "Do all workers decide by the same?",
                  (Query("adrwatch_model_version", "{{instance}}"),)),
            Panel("Own names of drugs", "Do all workers know the team's list?",
                  (Query("adrwatch_own_drug_names", "{{instance}}"),)),
            Panel("Workers", "Which workers run, in which version?",
                  (Query("max by (service, worker, version) (adrwatch_worker_info)"),), kind="table", width=24),
        )),
    ),
)  # fmt: skip

ALERTS = Page(
    "alerts", "adrwatch: alerts",
    (
        ("For operators", (
            Panel("Critical", "For how many does somebody wait now?",
                  (Query('count(ALERTS{alertname=~"Adrwatch.+", alertstate="firing", severity="critical"}) or vector(0)'),),
                  kind="number", width=4),
            Panel("Warnings", "How many would become critical?",
                  (Query('count(ALERTS{alertname=~"Adrwatch.+", alertstate="firing", severity="warning"}) or vector(0)'),),
                  kind="number", width=4),
            Panel("Firing", "Which, and since when?",
                  (Query('max by (alertname, severity) (ALERTS{alertname=~"Adrwatch.+", alertstate="firing"})',
                         "{{alertname}} ({{severity}})"),), kind="states", width=16),
            Panel("Workers", "Who answers?",
                  (Query('min by (service, instance) (up{job="adrwatch"})', "{{service}} {{instance}}"),),
                  kind="states", width=24),
        )),
        ("For safety teams", (
            Panel("Alerts", "How many are published?", (rate("adrwatch_alerts_total", "kind", "lane"),), "reqps"),
            Panel("Notices", "What became of them at each channel?",
                  (rate("adrwatch_notices_total", "channel", "outcome"),), "reqps"),
            Panel("Sign-ins", "Who comes to the dashboard, and who is refused?",
                  (rate("adrwatch_sign_ins_total", "outcome"),), "reqps"),
        )),
    ),
)  # fmt: skip

PAGES = (FLOW, LAG, LATENCY, MODELS, ALERTS)

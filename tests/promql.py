"""What a PromQL expression asks for: the metrics that it names, each with the labels that it is held to or grouped by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser
from prometheus_client.metrics import MetricWrapperBase

from shared import metrics

# Of Prometheus itself, and the labels that scraping adds to every series (deploy/observe/prometheus/prometheus.yml).
OF_PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}
SCRAPED = {"job", "service", "instance"}
# In Grafana's queries: any length of time will do to read them.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1h"}


def registry() -> dict[str, set[str]]:
    """The series that adrwatch tells Prometheus, by name, with their labels."""
    found: dict[str, set[str]] = {}
    for metric in vars(metrics).values():
        if not isinstance(metric, MetricWrapperBase):
            continue
        (family,) = metric.describe()
        labels = set(metric._labelnames)
        if family.type == "counter":
            found[f"{family.name}_total"] = labels
        elif family.type == "histogram":
            found |= {
                f"{family.name}_sum": labels,
                f"{family.name}_count": labels,
                f"{family.name}_bucket": labels | {"le"},
            }
        else:
            found[family.name] = labels
    return found


def unknown(expression: str) -> list[str]:
    """What the expression names and nobody tells: metrics, and labels of metrics. Raises ValueError where it is no PromQL."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    known = registry() | OF_PROMETHEUS
    return sorted(set(_unknown(promql_parser.parse(expression), set(), known)))


def _unknown(node: Any, grouped: set[str], known: dict[str, set[str]]) -> Iterator[str]:
    """`grouped`: labels by which what the node gives is grouped."""
    match type(node).__name__:
        case "VectorSelector":
            labels = {one.name for one in node.matchers.matchers} | grouped
            if node.name not in known:
                yield f"there is no metric {node.name}"
            else:
                yield from (f"{node.name} has no label {label}" for label in labels - known[node.name] - SCRAPED)
        case "MatrixSelector":
            yield from _unknown(node.vector_selector, grouped, known)
        case "AggregateExpr":
            # What is not kept here is not there for whoever groups outside.
            own = set(node.modifier.labels) if node.modifier else set()
            yield from (f"{label} is grouped away" for label in grouped - own)
            yield from _unknown(node.expr, own, known)
        case "BinaryExpr":
            yield from _unknown(node.lhs, grouped, known)
            # The right side of these only says which series of the left are kept.
            kept = str(node.op).split()[0] in ("and", "unless")
            matching = node.modifier.matching if node.modifier else None
            on = set(matching.labels) if matching else set()
            yield from _unknown(node.rhs, on if kept else grouped, known)
        case "Call":
            # The quantile of a histogram uses up its buckets.
            needed = grouped | {"le"} if node.func.name == "histogram_quantile" else grouped
            for argument in node.args:
                yield from _unknown(argument, needed, known)
        case "ParenExpr" | "SubqueryExpr" | "UnaryExpr":
            yield from _unknown(node.expr, grouped, known)
        case "NumberLiteral" | "StringLiteral":
            return
        case other:
            raise AssertionError(f"not read: {other}")

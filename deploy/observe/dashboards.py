"""Makes Grafana's dashboards from `panels.py`: `python -m deploy.observe.dashboards` writes the files that Grafana is given.

Needs the extra `dev`: the builders are those of Grafana's own SDK, so that the files are what its version reads.
"""

from __future__ import annotations

import itertools
import string
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.observe.panels import PAGES, Page, Panel, Query

FOLDER = Path(__file__).parent / "grafana" / "dashboards"
# As grafana/provisioning/datasources names it.
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
_HEIGHT = 8
_KINDS: dict[str, Any] = {
    "lines": timeseries.Panel, "number": stat.Panel, "heatmap": heatmap.Panel, "states": statetimeline.Panel,
    "table": table.Panel,
}  # fmt: skip


def written(page: Page) -> str:
    """The file of a dashboard."""
    made = (
        dashboard.Dashboard(page.title)
        .uid(f"adrwatch-{page.name}")
        .tags(["adrwatch"])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("utc")
        .link(dashboard.DashboardLink("adrwatch").type(DashboardLinkType.DASHBOARDS).tags(["adrwatch"]))
    )
    numbers = itertools.count(1)
    for heading, panels in page.rows:
        made = made.with_row(dashboard.Row(heading).id(next(numbers)))
        for panel in panels:
            made = made.with_panel(_panel(panel).id(next(numbers)))
    encoded: str = JSONEncoder(sort_keys=True, indent=1).encode(made.build())
    return encoded + "\n"


def _panel(panel: Panel) -> Any:
    made = (
        _KINDS[panel.kind]()
        .title(panel.title)
        .description(panel.question)
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(_HEIGHT)
    )
    for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False):
        made = made.with_target(_query(query, panel.kind).ref_id(letter))
    return made


def _query(query: Query, kind: str) -> Any:
    made = prometheus.Dataquery().expr(query.expr).legend_format(query.legend or "__auto").datasource(SOURCE)
    if kind == "heatmap":
        return made.format(PromQueryFormat.HEATMAP)
    if kind == "table":
        return made.format(PromQueryFormat.TABLE).instant()
    return made


def main() -> None:
    """Write all of them."""
    for page in PAGES:
        (FOLDER / f"{page.name}.json").write_text(written(page), encoding="utf-8")


if __name__ == "__main__":
    main()

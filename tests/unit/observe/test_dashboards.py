"""Grafana's dashboards: files in step with the code that makes them, and no query for what nobody tells."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from deploy.observe import dashboards
from deploy.observe.panels import PAGES, Page
from shared.settings import PACKAGE_ROOT
from tests.promql import unknown
from tests.unit.docker.compose import services

GRAFANA = PACKAGE_ROOT / "deploy" / "observe" / "grafana"
QUERIES = [
    (page, panel, query) for page in PAGES for _, panels in page.rows for panel in panels for query in panel.queries
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_file_of_a_dashboard_is_in_step_with_its_code(page: Page) -> None:
    file = dashboards.FOLDER / f"{page.name}.json"
    assert file.read_text() == dashboards.written(page), "write it again: python -m deploy.observe.dashboards"


def test_there_is_no_other_file() -> None:
    assert {file.stem for file in dashboards.FOLDER.iterdir()} == {page.name for page in PAGES}


def test_every_query_names_only_what_workers_and_prometheus_tell() -> None:
    wrong = {f"{page.name}: {panel.title}": found for page, panel, query in QUERIES if (found := unknown(query.expr))}
    assert wrong == {}


def test_legends_name_labels_that_their_query_keeps() -> None:
    for page, panel, query in QUERIES:
        for label in query.legend.split("{{")[1:]:
            name = label.partition("}}")[0]
            assert name in query.expr or name == "instance", f"{page.name}: {panel.title}"


def panels(file: dict[str, Any]) -> list[dict[str, Any]]:
    return [inner for panel in file["panels"] for inner in (panel.get("panels") or [panel]) if inner["type"] != "row"]


def test_panels_lie_side_by_side_and_ask_the_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    for page in PAGES:
        file = json.loads((dashboards.FOLDER / f"{page.name}.json").read_text())
        shown = panels(file)
        assert len(shown) == sum(len(inside) for _, inside in page.rows)
        for panel in shown:
            assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
            assert all(target["datasource"]["uid"] == source["uid"] for target in panel["targets"])
            assert len({target["refId"] for target in panel["targets"]} - {""}) == len(panel["targets"])
        assert len({panel["id"] for panel in file["panels"]}) == len(file["panels"])
        taken = [
            (x, y) for one in shown
            for x in range(one["gridPos"]["x"], one["gridPos"]["x"] + one["gridPos"]["w"])
            for y in range(one["gridPos"]["y"], one["gridPos"]["y"] + one["gridPos"]["h"])
        ]  # fmt: skip
        assert len(taken) == len(set(taken)), page.name
        assert max(x for x, _ in taken) < 24


def test_grafana_finds_the_dashboards_and_prometheus_where_the_compose_file_has_them() -> None:
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "adrwatch.yml").read_text())["providers"]
    bound = {volume["target"] for volume in services()["grafana"]["volumes"] if isinstance(volume, dict)}
    assert {provider["options"]["path"], "/etc/grafana/provisioning"} == bound
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folder, _, name = home.rpartition("/")
    assert folder == provider["options"]["path"]
    assert (dashboards.FOLDER / name).is_file()

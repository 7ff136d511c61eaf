"""The list of what adrwatch is made of: whole, right by its schema, and true."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import tomllib
from typing import Any

from deploy import sbom
from deploy.local import kafka_jars
from shared.settings import PACKAGE_ROOT


@functools.cache
def components() -> dict[str, dict[str, Any]]:
    # Making it checks it by the schema of CycloneDX.
    return {one["bom-ref"]: one for one in json.loads(sbom.document())["components"]}


def digest(component: dict[str, Any]) -> str:
    [found] = component["hashes"]
    assert found["alg"] == "SHA-256"
    return str(found["content"])


def test_every_jar_of_kafka_is_in_it_with_the_digest_by_which_it_is_checked() -> None:
    jars = kafka_jars.pinned(kafka_jars.PINS.read_text())
    assert len(jars) > 30
    for jar in jars:
        assert digest(components()[f"pkg:maven/{jar.group}/{jar.artifact}@{jar.version}"]) == jar.digest


def test_libraries_of_browsers_and_models_are_the_files_that_are_there() -> None:
    by_name = {one["name"]: one for one in components().values()}
    folder = PACKAGE_ROOT / "services" / "dashboard" / "static" / "vendor"
    files = {f"htmx.org/{path.name}": path for path in folder.glob("htmx*")}
    files |= {f"uplot/{path.name}": path for path in folder.glob("uplot*")}
    files |= {f"{path.parts[-3]}/{path.name}": path for path in (PACKAGE_ROOT / "triton_models").glob("*/*/*.onnx")}
    assert len(files) == 5
    for name, path in files.items():
        assert digest(by_name[name]) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_package_that_adrwatch_needs_is_in_it_and_no_tool_of_its_developers() -> None:
    declared = tomllib.loads((PACKAGE_ROOT / "pyproject.toml").read_text())["project"]
    names = {re.sub(r"[-_.]+", "-", one["name"]).lower() for one in components().values()}
    wanted = [re.sub(r"[-_.]+", "-", re.split(r"[\[><=;]", one)[0]).lower() for one in declared["dependencies"]]
    assert set(wanted) <= names
    assert not {"pytest", "mypy", "hypothesis", "cyclonedx-python-lib"} & names

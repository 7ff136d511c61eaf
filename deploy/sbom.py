"""What adrwatch is made of, as a CycloneDX document: `make sbom`, or `python -m deploy.sbom FILE`.

Python packages are those of the environment that this runs in, as `cyclonedx-py` lists them, without what only developers need. To
them come what no Python tool knows: the jars of Kafka with the digests by which they are checked, the servers from wheels,
libraries of others that the dashboard serves, and the models.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from deploy.local import kafka_jars, redis, triton
from deploy.local.cache import sha256
from shared.errors import AdrwatchError
from shared.settings import PACKAGE_ROOT

VENDORED = PACKAGE_ROOT / "services" / "dashboard" / "static" / "vendor"
MODELS = PACKAGE_ROOT / "triton_models"
# A line of the table in VENDORED: the files, then the package of npm and its version.
_VENDORED = re.compile(r"^\| (`[^|]+`) \| ([\w.-]+) ([\d.]+),", re.MULTILINE)


def document() -> str:
    """The document, as JSON by version 1.6 of the specification. Raises AdrwatchError where it does not fit its schema."""
    bom = _python_packages()
    for component in (*_jars(), *_servers(), *_libraries(), *_models()):
        bom.components.add(component)
        if bom.metadata.component is not None:
            bom.register_dependency(bom.metadata.component, [component])
    made = JsonV1Dot6(bom).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(made):
        raise AdrwatchError(f"the list of components does not fit its schema: {wrong}", fix="mend deploy/sbom.py")
    return made


def _python_packages() -> Bom:
    """Those that the environment has, without what only developers need."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-format", "JSON", "--spec-version", "1.6",
               "--pyproject", str(PACKAGE_ROOT / "pyproject.toml"), "--mc-type", "application"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise AdrwatchError(f"cyclonedx-py ended with {done.returncode}: {done.stderr.strip()}", fix="make sbom")
    bom: Bom = Bom.from_json(json.loads(done.stdout))  # type: ignore[attr-defined]
    needs = {one.ref: {inner.ref for inner in one.dependencies} for one in bom.dependencies}
    root = bom.metadata.component
    wanted, looked_at = set(), [root.bom_ref] if root is not None else []
    while looked_at:
        ref = looked_at.pop()
        if ref not in wanted:
            wanted.add(ref)
            looked_at += needs.get(ref, ())
    bom.components = [one for one in bom.components if one.bom_ref in wanted]
    bom.dependencies = [one for one in bom.dependencies if one.ref in wanted]
    return bom


def _jars() -> Iterator[Component]:
    for jar in kafka_jars.pinned(kafka_jars.PINS.read_text()):
        purl = PackageURL("maven", jar.group, jar.artifact, jar.version)
        yield Component(
            name=jar.artifact, group=jar.group, version=jar.version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=jar.digest)],
        )  # fmt: skip


def _servers() -> Iterator[Component]:
    """What the launcher installs into environments of their own."""
    for wheel in (redis.WHEEL, triton.WHEEL):
        name, _, version = wheel.partition("==")
        purl = PackageURL("pypi", None, name, version)
        yield Component(name=name, version=version, type=ComponentType.APPLICATION, purl=purl, bom_ref=str(purl))


def _libraries() -> Iterator[Component]:
    """Libraries that browsers run. Raises AdrwatchError where a file is not in the table beside it."""
    named = set()
    for files, name, version in _VENDORED.findall((VENDORED / "README.md").read_text()):
        for file in re.findall(r"`([^`]+)`", files):
            named.add(file)
            purl = PackageURL("npm", None, name, version, subpath=file)
            yield Component(
                name=f"{name}/{file}", version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl),
                hashes=[_hash(VENDORED / file)],
            )  # fmt: skip
    if unnamed := {path.name for path in VENDORED.iterdir() if path.suffix in (".js", ".css")} - named:
        raise AdrwatchError(
            f"{', '.join(sorted(unnamed))}: nobody says whose", fix=f"write it into {VENDORED / 'README.md'}"
        )


def _models() -> Iterator[Component]:
    for path in sorted(MODELS.glob("*/*/*.onnx")):
        model, version = path.parts[-3], path.parts[-2]
        yield Component(
            name=f"{model}/{path.name}", version=version, type=ComponentType.MACHINE_LEARNING_MODEL,
            bom_ref=f"{model}/{version}/{path.name}", hashes=[_hash(path)],
        )  # fmt: skip


def _hash(path: Path) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=sha256(path))


def main() -> None:
    """Write the document into the file that is named."""
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document())
    print(f"{path}: {len(json.loads(path.read_text())['components'])} components")


if __name__ == "__main__":
    try:
        main()
    except AdrwatchError as error:
        sys.exit(f"{error.message}\n  fix: {error.fix}")

"""What adrwatch is made of, as a CycloneDX document: `make sbom`, or `python -m deploy.sbom FILE`.

Python packages are those of the environment that this runs in, without what only developers need. To
them come what no Python tool knows: the jars of Kafka with the digests by which they are checked, the servers from wheels,
libraries of others that the dashboard serves, and the models.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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
    """What adrwatch needs to run, and what that needs in turn, as installed. Raises AdrwatchError for what is not installed."""
    with (PACKAGE_ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    root = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref=project["name"]
    )
    bom = Bom()
    bom.metadata.component = root
    found: dict[str, Component] = {}
    _add(bom, root, [Requirement(one) for one in project["dependencies"]], frozenset(), found)
    return bom


def _add(
    bom: Bom, whose: Component, wanted: Iterable[Requirement], extras: frozenset[str], found: dict[str, Component]
) -> None:
    """The packages that one needs in this environment, with these extras of it, and in turn what they need."""
    needed = []
    for requirement in wanted:
        if requirement.marker and not any(requirement.marker.evaluate({"extra": one}) for one in (*extras, "")):
            continue
        name = canonicalize_name(requirement.name)
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key not in found:
            try:
                package = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                raise AdrwatchError(f"{name} is not installed here", fix="make sbom") from None
            purl = PackageURL("pypi", None, name, package.version)
            found[key] = next((one for one in bom.components if one.bom_ref.value == str(purl)), None) or Component(
                name=name, version=package.version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl)
            )
            bom.components.add(found[key])
            own = [Requirement(one) for one in package.requires or ()]
            _add(bom, found[key], own, frozenset(requirement.extras), found)
        needed.append(found[key])
    bom.register_dependency(whose, needed)


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

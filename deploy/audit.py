"""Known weaknesses of the packages that are installed: `make audit`, or `python -m deploy.audit PIP_AUDIT`.

`pip-audit` asks PyPI about each package. Exit 0: nothing is known; 1: a weakness, or an exception that has run out; 3: nobody here
tells of weaknesses (a mirror, no network), which is said and is no pass.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from shared.errors import AdrwatchError

EXCEPTIONS = Path(__file__).with_name("audit.toml")
# A release with weaknesses that were published years ago: who does not tell of them tells of none.
_KNOWN = "https://pypi.org/pypi/jinja2/2.11.2/json"
_SECONDS = 20.0
WEAK, UNASKED = 1, 3


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weakness that is accepted: why, and the day on which it is looked at again."""

    id: str
    reason: str
    until: date


def exceptions(text: str, today: date) -> list[Accepted]:
    """Those of the file. Raises AdrwatchError for one without a reason, or whose day has come."""
    found = msgspec.convert(tomllib.loads(text).get("accepted", []), list[Accepted])
    for one in found:
        if not one.reason.strip() or one.until <= today:
            raise AdrwatchError(
                f"the exception {one.id} has no reason, or ran out on {one.until}",
                fix=f"look at it anew and mend {EXCEPTIONS.name}",
            )
    return found


def unasked() -> str | None:
    """Why nobody here tells of weaknesses; None where somebody does."""
    try:
        answer = httpx.get(_KNOWN, timeout=_SECONDS, follow_redirects=True)
        told = answer.json().get("vulnerabilities") if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        return f"PyPI cannot be asked ({type(error).__name__})"
    return None if told else f"what answers for PyPI tells of no weaknesses (HTTP {answer.status_code})"


def weaknesses(report: dict[str, Any], accepted: list[Accepted]) -> list[str]:
    """A line for each weakness in pip-audit's report that is not accepted. Pure."""
    known = {one.id for one in accepted}
    return [
        f"{package['name']} {package['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no release'}"
        for package in report["dependencies"]
        for one in package.get("vulns", ())
        if not known & {one["id"], *one.get("aliases", ())}
    ]


def main() -> None:
    """Ask, and say what was found."""
    accepted = exceptions(EXCEPTIONS.read_text(), datetime.now(UTC).date())
    if (why := unasked()) is not None:
        print(f"NOT AUDITED: {why}. Run `make audit` where PyPI is reached.", file=sys.stderr)
        sys.exit(UNASKED)
    command = [sys.argv[1], "--path", sysconfig.get_path("purelib"), "--vulnerability-service", "pypi", "--format", "json",
               "--progress-spinner", "off"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise AdrwatchError(
            f"pip-audit ended with {done.returncode}: {done.stderr.strip()[-500:]}", fix="try again"
        ) from None
    found = weaknesses(report, accepted)
    looked_at = sum(1 for package in report["dependencies"] if "skip_reason" not in package)
    print(
        f"{looked_at} packages were asked about, {len(found)} weaknesses, {len(accepted)} accepted (deploy/audit.toml)"
    )
    print("\n".join(found))
    sys.exit(WEAK if found else 0)


if __name__ == "__main__":
    try:
        main()
    except AdrwatchError as error:
        sys.exit(f"{error.message}\n  fix: {error.fix}")

"""Cases as others receive them: E2B(R3) messages and rows of line listings. What a source forbids is never written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from services.cases.reference_safety import ReferenceSafety
from shared.cases.causality import naranjo_score
from shared.cases.clocks import deadlines
from shared.cases.duplicates import because
from shared.cases.e2b import Coding, Envelope, message, missing
from shared.cases.model import SERIOUSNESS, Case
from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.text.plain import plain
from shared.vocabulary.meddra import PREFIX, MedDra

LISTING = (
    "id", "opened_at", "state", "drug", "reaction", "valid", "serious", *SERIOUSNESS, "situations", "awareness", "due",
    "who_umc", "naranjo", "listedness", "listedness_suggested", "duplicates", "flags", "assignee",
    "rule_version", "overrides", "narrative",
)  # fmt: skip
_SHOWN = 5


def barred(settings: Settings, cases: Iterable[Case]) -> dict[str, str]:
    """The cases that may not leave adrwatch in any form, each with the reason.

    The terms that came with the post and the settings must both allow it: neither lifts what the other forbids.
    """
    sources = set(filter(None, settings.no_case_export.split(",")))
    found = {}
    for case in cases:
        if case.source in sources or (case.terms is not None and not case.terms.case_export):
            found[case.id] = f"it comes from {case.source}, whose terms do not allow case exports"
        elif sources and not case.source:
            found[case.id] = "nobody knows its source any more, so its terms may not allow it (cases assess --source)"
    return found


def without_link(case: Case) -> Case:
    """The case as it may leave adrwatch: where only aggregates may be kept of its post, without the post's id."""
    return msgspec.structs.replace(case, post=None) if case.terms and case.terms.aggregates_only else case


def coding(settings: Settings, case: Case, llt: str | None) -> Coding | None:
    """The MedDRA term of a case's reaction, from the user's dictionary: the one given, else the preferred term's own.

    None without a dictionary, or where the reaction is not of it. Raises AdrwatchError for a term that the dictionary lacks.
    """
    if settings.meddra_folder is None:
        if llt is not None:
            raise AdrwatchError("--llt needs your MedDRA dictionary", fix="set ADRWATCH_MEDDRA_FOLDER")
        return None
    dictionary = MedDra.load(settings.meddra_folder, settings.meddra_version)
    code = llt or (case.reaction.id.removeprefix(PREFIX) if case.reaction.id.startswith(PREFIX) else None)
    if code is None:
        return None
    term = dictionary.term(code)
    if term is None or not term.current:
        what = "no lowest level term" if term is None else "a term that is not current"
        raise AdrwatchError(
            f"{code} is {what} of MedDRA {dictionary.version}", fix="give --llt the code of a current one"
        )
    return Coding(code, dictionary.version)


def e2b(
    settings: Settings, case: Case, llt: str | None, sender: str, receiver: str, country: str, *, draft: bool
) -> bytes:
    """The message of a case. Raises AdrwatchError with all that is missing, or for characters that XML cannot hold."""
    for name, text in {
        "narrative": case.narrative,
        "drug": case.drug.label,
        "reaction": case.reaction.label,
        "sender": sender,
        "receiver": receiver,
        "country": country,
    }.items():
        plain(text, f"case {case.id}: the {name}")
    found = coding(settings, case, llt)
    lacking = missing(case, found)
    if lacking and not draft:
        raise AdrwatchError(
            f"case {case.id} may not be submitted: {'; '.join(lacking)}", fix="complete it, or write a --draft"
        )
    return message(case, Envelope(sender, receiver, country, datetime.now(UTC)), found, draft=draft)


def check_schema(content: bytes, folder: Path) -> None:
    """Check a message by the ICH's schema set in a folder of the user. Raises AdrwatchError with what does not fit."""
    try:
        import e2br3
    except ImportError:
        raise AdrwatchError("--schema needs the package e2br3", fix="pip install 'adrwatch[e2b]'") from None
    try:
        errors = e2br3.validate(content, schema_dir=folder)
    except (FileNotFoundError, ValueError, SyntaxError) as error:
        raise AdrwatchError(
            f"{folder} is no schema set of the ICH: {error}", fix="give the folder that holds multicacheschemas/"
        ) from None
    if errors:
        shown = "; ".join(f"line {error.line}: {error.message}" for error in errors[:_SHOWN])
        raise AdrwatchError(
            f"the message does not fit the schema ({len(errors)} errors): {shown}", fix="report this bug"
        )


def listed(case: Case, safety: ReferenceSafety | None = None) -> dict[str, str]:
    """A case as a row of a line listing."""
    due = deadlines(case)
    return {
        "id": case.id,
        "opened_at": case.opened_at.isoformat(timespec="seconds"),
        "state": case.state,
        "drug": case.drug.label,
        "reaction": case.reaction.label,
        "valid": case.valid,
        "serious": case.serious_word,
        **{name: case.seriousness.get(name, "") for name in SERIOUSNESS},
        "situations": ", ".join(case.situations),
        "awareness": str(case.awareness or ""),
        "due": "; ".join(f"{deadline.region} {deadline.due}" for deadline in due),
        "who_umc": case.who_umc or "",
        "naranjo": "{} ({})".format(*naranjo_score(case.naranjo)) if case.naranjo else "",
        "listedness": case.listedness or "",
        "listedness_suggested": str(safety.suggest(case.drug, case.reaction)) if safety else "",
        "duplicates": ", ".join(case.duplicates),
        "flags": "; ".join(f"{flag.case}: {because(flag.reasons, flag.similarity)}" for flag in case.flags),
        "assignee": case.assignee or "",
        "rule_version": case.rule_version,
        "overrides": ", ".join(case.overrides),
        "narrative": case.narrative,
    }

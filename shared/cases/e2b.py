"""A case as an individual case safety report: ICH E2B(R3), the HL7 v3 message of the implementation guide 5.03. Pure.

Element numbers (C.1.1 and so on) are those of the guide. What is not known is said so by a null flavour, never left to be guessed;
the patient and the reporter are masked (MSK), for a case holds no names.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from xml.etree import ElementTree as Xml

from shared.cases.causality import naranjo_score
from shared.cases.model import CRITERIA, Case

_ICH = "2.16.840.1.113883.3.989.2.1"
_LISTS, _IDS = f"{_ICH}.1", f"{_ICH}.3"
_OBSERVATIONS = f"{_LISTS}.19"
_MEDDRA = "2.16.840.1.113883.6.163"
_HL7_INTERACTIONS, _HL7_TRIGGERS, _HL7_ACTS = "2.16.840.1.113883.1.6", "2.16.840.1.113883.1.18", "2.16.840.1.113883.5.4"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"
_NAMESPACE = "urn:hl7-org:v3"
DRAFT = "draft, not for submission"
# E.i.3.2a to f: the observation of each criterion of seriousness.
_SERIOUSNESS = {
    "death": ("34", "resultsInDeath"),
    "life_threatening": ("21", "isLifeThreatening"),
    "hospitalisation": ("33", "requiresInpatientHospitalization"),
    "disability": ("35", "resultsInPersistentOrSignificantDisability"),
    "congenital_anomaly": ("12", "congenitalAnomalyBirthDefect"),
    "medically_important": ("26", "otherMedicallyImportantCondition"),
}
_FATAL, _UNKNOWN = "5", "0"
# Ids within the message are made of the case's, so that a case written twice is the same message.
_SPACE = uuid.UUID("6f1a0f0e-2c59-4e0e-9a57-0c8b1f6a7f10")


@dataclass(frozen=True)
class Coding:
    """The reaction as MedDRA has it: code of a lowest level term, and the version."""

    code: str
    version: str


@dataclass(frozen=True)
class Envelope:
    """Who sends to whom: identifiers agreed with the receiver, the country of the report (ISO 3166), and the moment."""

    sender: str
    receiver: str
    country: str
    created: datetime


def missing(case: Case, coding: Coding | None) -> list[str]:
    """What keeps a case from being a report that may be submitted; empty where nothing does."""
    found = [
        f"minimum criterion {name} is {case.criteria.get(name, 'unknown')}"
        for name in CRITERIA
        if case.criteria.get(name) != "met"
    ]
    found += [
        f"seriousness: {name} is only suggested" for name, word in case.seriousness.items() if word == "suggested"
    ]
    if not case.seriousness:
        found.append("seriousness is not assessed (cases assess --serious or --not-serious)")
    if case.awareness is None:
        found.append("day 0 is not known (cases assess --awareness)")
    if not case.narrative:
        found.append("there is no narrative (cases assess --narrative)")
    if coding is None:
        found.append(
            "the reaction has no MedDRA term, which needs your licensed dictionary (ADRWATCH_MEDDRA_FOLDER, --llt)"
        )
    return found


def message(case: Case, envelope: Envelope, coding: Coding | None, *, draft: bool) -> bytes:
    """The batch of one message, UTF-8. A `draft` says so in a comment, and its processing code is that of tests."""
    moment = envelope.created.strftime("%Y%m%d%H%M%S%z")
    identity = f"{envelope.country}-{envelope.sender}-{case.id}"
    batch = Xml.Element("MCCI_IN200100UV01", {"xmlns": _NAMESPACE, "ITSVersion": "XML_1.0"})
    if draft:
        batch.append(Xml.Comment(f" {DRAFT} "))
    _add(batch, "id", root=f"{_IDS}.22", extension=f"{identity}-{envelope.created:%Y%m%d%H%M%S}")
    _add(batch, "creationTime", value=moment)
    _add(batch, "responseModeCode", code="D")
    _add(batch, "interactionId", root=_HL7_INTERACTIONS, extension="MCCI_IN200100UV01")
    _add(batch, "name", code="1", codeSystem=f"{_LISTS}.1", displayName="ichicsr")
    one = _add(batch, "PORR_IN049016UV")
    _add(one, "id", root=f"{_IDS}.1", extension=identity)
    _add(one, "creationTime", value=moment)
    _add(one, "interactionId", root=_HL7_INTERACTIONS, extension="PORR_IN049016UV")
    _add(one, "processingCode", code="D" if draft else "P")
    _add(one, "processingModeCode", code="T")
    _add(one, "acceptAckCode", code="AL")
    _party(one, "receiver", f"{_IDS}.12", envelope.receiver)
    _party(one, "sender", f"{_IDS}.11", envelope.sender)
    process = _add(one, "controlActProcess", classCode="CACT", moodCode="EVN")
    _add(process, "code", code="PORR_TE049016UV", codeSystem=_HL7_TRIGGERS)
    _add(process, "effectiveTime", value=moment)
    _report(_add(process, "subject", typeCode="SUBJ"), case, envelope, coding, identity)
    _party(batch, "receiver", f"{_IDS}.14", envelope.receiver)
    _party(batch, "sender", f"{_IDS}.13", envelope.sender)
    Xml.indent(batch)
    written: bytes = Xml.tostring(batch, encoding="utf-8", xml_declaration=True)
    return written


def _report(parent: Xml.Element, case: Case, envelope: Envelope, coding: Coding | None, identity: str) -> None:
    report = _add(parent, "investigationEvent", classCode="INVSTG", moodCode="EVN")
    _add(report, "id", root=f"{_IDS}.1", extension=identity)
    _add(report, "id", root=f"{_IDS}.2", extension=identity)
    _add(report, "code", code="PAT_ADV_EVNT", codeSystem=_HL7_ACTS)
    _add(report, "text", case.narrative) if case.narrative else _add(report, "text", nullFlavor="NI")
    _add(report, "statusCode", code="active")
    _add(_add(report, "effectiveTime"), "low", **_day(case.awareness))
    _add(report, "availabilityTime", **_day(case.awareness))
    # C.1.6.1 no further documents; C.1.7 local criteria for an expedited report.
    _flag(report, "1", f"{_LISTS}.22", "additionalDocumentsAvailable", {"value": "false"})
    expedited = {"nullFlavor": "NI"} if case.serious is None else {"value": "true" if case.serious else "false"}
    _flag(report, "23", _OBSERVATIONS, "localCriteriaForExpedited", expedited)
    assessment = _add(
        _add(report, "component", typeCode="COMP"), "adverseEventAssessment", classCode="INVSTG", moodCode="EVN"
    )
    _patient(assessment, case, coding)
    _causes(assessment, case)
    _source(report, envelope)
    sender = _add(_act(_add(report, "subjectOf1", typeCode="SUBJ")), "author", typeCode="AUT")
    entity = _add(sender, "assignedEntity", classCode="ASSIGNED")
    _add(entity, "code", code="1", codeSystem=f"{_LISTS}.7", displayName="pharmaceuticalCompany")
    organisation = _add(entity, "representedOrganization", classCode="ORG", determinerCode="INSTANCE")
    _add(organisation, "name", envelope.sender)
    kind = _add(
        _add(report, "subjectOf2", typeCode="SUBJ"), "investigationCharacteristic", classCode="OBS", moodCode="EVN"
    )
    _add(kind, "code", code="1", codeSystem=f"{_LISTS}.23", displayName="ichReportType")
    _add(kind, "value", code="1", codeSystem=f"{_LISTS}.2", displayName="spontaneousReport", xsi="CE")


def _patient(assessment: Xml.Element, case: Case, coding: Coding | None) -> None:
    role = _add(_add(assessment, "subject1", typeCode="SBJ"), "primaryRole", classCode="INVSBJ")
    player = _add(role, "player1", classCode="PSN", determinerCode="INSTANCE")
    _add(player, "name", nullFlavor="MSK")
    _add(player, "administrativeGenderCode", nullFlavor="UNK")
    reaction = _observation(_add(role, "subjectOf2", typeCode="SBJ"), "29", "reaction", identity=_id(case, "reaction"))
    coded = (
        {"code": coding.code, "codeSystem": _MEDDRA, "codeSystemVersion": coding.version}
        if coding
        else {"nullFlavor": "NI"}
    )
    _add(_add(reaction, "value", **coded, xsi="CE"), "originalText", case.reaction.label, language="eng")
    for name, (code, display) in _SERIOUSNESS.items():
        related = _observation(_add(reaction, "outboundRelationship2", typeCode="PERT"), code, display)
        # The guide has no `false` here: what is not a criterion has no information.
        met = {"value": "true"} if case.seriousness.get(name) == "confirmed" else {"nullFlavor": "NI"}
        _add(related, "value", **met, xsi="BL")
    outcome = _observation(_add(reaction, "outboundRelationship2", typeCode="PERT"), "27", "outcome")
    fatal = case.seriousness.get("death") == "confirmed"
    _add(outcome, "value", code=_FATAL if fatal else _UNKNOWN, codeSystem=f"{_LISTS}.11", xsi="CE")
    drugs = _add(_add(role, "subjectOf2", typeCode="SBJ"), "organizer", classCode="CATEGORY", moodCode="EVN")
    _add(drugs, "code", code="4", codeSystem=f"{_LISTS}.20", displayName="drugInformation")
    given = _add(
        _add(drugs, "component", typeCode="COMP"), "substanceAdministration", classCode="SBADM", moodCode="EVN"
    )
    _add(given, "id", root=_id(case, "drug"))
    kind = _add(_add(given, "consumable", typeCode="CSM"), "instanceOfKind", classCode="INST")
    product = _add(kind, "kindOfProduct", classCode="MMAT", determinerCode="KIND")
    _add(product, "name", case.drug.label)
    substance = _add(
        _add(product, "ingredient", classCode="ACTI"), "ingredientSubstance", classCode="MMAT", determinerCode="KIND"
    )
    _add(substance, "name", case.drug.label)


def _causes(assessment: Xml.Element, case: Case) -> None:
    """G.k.1: the drug is suspect; G.k.9.i.2.r: what each way of assessment gave."""
    role = _assessment(assessment, "20", "interventionCharacterization")
    _add(role, "value", code="1", codeSystem=f"{_LISTS}.13", displayName="suspect", xsi="CE")
    _reference(role, "subject2", "productUseReference", "SBADM", _id(case, "drug"))
    results = {"WHO-UMC": case.who_umc}
    if case.naranjo:
        score, kind = naranjo_score(case.naranjo)
        results["Naranjo"] = f"{kind} ({score})"
    for method, result in results.items():
        if result is None:
            continue
        cause = _assessment(assessment, "39", "causality")
        _add(cause, "value", result, xsi="ST")
        _add(_add(cause, "methodCode"), "originalText", method)
        author = _add(_add(cause, "author", typeCode="AUT"), "assignedEntity", classCode="ASSIGNED")
        _add(_add(author, "code"), "originalText", "assessor of the sender")
        _reference(cause, "subject1", "adverseEffectReference", "OBS", _id(case, "reaction"))
        _reference(cause, "subject2", "productUseReference", "SBADM", _id(case, "drug"))


def _source(report: Xml.Element, envelope: Envelope) -> None:
    """C.2.r: a consumer, whose name is masked."""
    related = _add(
        _add(report, "outboundRelationship", typeCode="SPRT"),
        "relatedInvestigation",
        classCode="INVSTG",
        moodCode="EVN",
    )
    _add(related, "code", code="2", codeSystem=f"{_LISTS}.22", displayName="sourceReport")
    author = _add(_act(_add(related, "subjectOf2", typeCode="SUBJ")), "author", typeCode="AUT")
    entity = _add(author, "assignedEntity", classCode="ASSIGNED")
    person = _add(entity, "assignedPerson", classCode="PSN", determinerCode="INSTANCE")
    _add(_add(person, "name"), "family", nullFlavor="MSK")
    qualified = _add(person, "asQualifiedEntity", classCode="QUAL")
    _add(qualified, "code", code="5", codeSystem=f"{_LISTS}.6", displayName="consumer")
    located = _add(person, "asLocatedEntity", classCode="LOCE")
    country = _add(located, "location", classCode="COUNTRY", determinerCode="INSTANCE")
    _add(country, "code", code=envelope.country, codeSystem="1.0.3166.1.2.2")


def _flag(report: Xml.Element, code: str, system: str, display: str, value: dict[str, str]) -> None:
    event = _add(_add(report, "component", typeCode="COMP"), "observationEvent", classCode="OBS", moodCode="EVN")
    _add(event, "code", code=code, codeSystem=system, displayName=display)
    _add(event, "value", **value, xsi="BL")


def _observation(parent: Xml.Element, code: str, display: str, identity: str | None = None) -> Xml.Element:
    found = _add(parent, "observation", classCode="OBS", moodCode="EVN")
    if identity:
        _add(found, "id", root=identity)
    _add(found, "code", code=code, codeSystem=_OBSERVATIONS, displayName=display)
    return found


def _assessment(parent: Xml.Element, code: str, display: str) -> Xml.Element:
    found = _add(_add(parent, "component", typeCode="COMP"), "causalityAssessment", classCode="OBS", moodCode="EVN")
    _add(found, "code", code=code, codeSystem=_OBSERVATIONS, displayName=display)
    return found


def _reference(parent: Xml.Element, subject: str, name: str, kind: str, identity: str) -> None:
    _add(_add(_add(parent, subject, typeCode="SUBJ"), name, classCode=kind, moodCode="EVN"), "id", root=identity)


def _act(parent: Xml.Element) -> Xml.Element:
    return _add(parent, "controlActEvent", classCode="CACT", moodCode="EVN")


def _party(parent: Xml.Element, name: str, root: str, identity: str) -> None:
    device = _add(
        _add(parent, name, typeCode="RCV" if name == "receiver" else "SND"),
        "device",
        classCode="DEV",
        determinerCode="INSTANCE",
    )
    _add(device, "id", root=root, extension=identity)


def _day(day: date | None) -> dict[str, str]:
    return {"value": f"{day:%Y%m%d}"} if day else {"nullFlavor": "UNK"}


def _id(case: Case, part: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{case.id}:{part}"))


def _add(
    parent: Xml.Element, name: str, text: str | None = None, *, xsi: str | None = None, **attributes: str
) -> Xml.Element:
    given = ({_XSI: xsi} if xsi else {}) | attributes
    element = Xml.SubElement(parent, name, given)
    element.text = text
    return element

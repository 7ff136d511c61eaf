"""Files as the tools write them, made by hand from the descriptions of their formats, and broken ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from services.annotation import formats
from shared.corpora.documents import Document, Link, Span
from shared.errors import AdrwatchError

TEXT = "Zoloft \U0001f635 gave me\r\nbrain zaps, and sweats at night"
ANN = (
    "T1\tdrug 0 6\tZoloft\n"
    # brat parts a mention at the ends of lines.
    "T2\treaction 9 16;18 28\tgave me brain zaps\n"
    "T3\treaction 34 40;44 49\tsweats night\n"
    "T4\treaction 34 40\tsweats\n"
    "R1\tcauses Arg1:T1 Arg2:T2\t\n"
    "A1\tNegated T3\n"
    "A2\tConfidence T3 high\n"
    "N1\tReference T3 MedDRA:10029410\tNight sweats\n"
    "#1\tAnnotatorNotes T3\tnot sure, see guide\n"
    "E1\tEffect:T2 Cause:T1\n"
    "*\tEquiv T3 T4\n"
)
PREFIX = "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.Mention|kind|note\n"
PREFIX += "#T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|value\n"
RELATION = "#T_RL=webanno.custom.Relation|kind|BT_webanno.custom.Mention\n"
# Two sentences, an emoji of two units, stacked and multi-token annotations, a part of a token, an escaped value, relations.
TSV = (
    PREFIX + RELATION + "\n\n"
    "#Sentence.id=s1\n"
    "#Text=I like it \U0001f635 .\n"
    "1-1\t0-1\tI\t_\t_\t_\t_\t_\t\n"
    "1-2\t2-6\tlike\t_\t_\t_\t_\t_\t\n"
    "1-3\t7-9\tit\tdrug\t*\t_\t_\t_\t\n"
    "1-4\t10-12\t\U0001f635\treaction[1]|symptom[2]\tall \\[day\\]\\_[1]|*[2]\t_\tcauses\t1-3[0_1]\t\n"
    "1-5\t13-14\t.\treaction[1]\tall \\[day\\]\\_[1]\t_\t_\t_\t\n"
    "\n"
    "#Text=Twice\\ta day\n"
    "#Text=anyway.\n"
    "2-1\t15-20\tTwice\t_\t_\tDOSE[3]\t_\t_\t\n"
    "2-2\t21-22\ta\t_\t_\tDOSE[3]\t_\t_\t\n"
    "2-3\t23-26\tday\t_\t_\t_\t_\t_\t\n"
    "2-4\t27-33\tanyway\t_\t_\t_\t_\t_\t\n"
    "2-4.1\t27-30\tany\t_\t_\tPART\t_\t_\t\n"
    "2-5\t33-34\t.\t_\t_\t_\t_\t_\t\n"
)
XMI = (
    '<?xml version="1.0" encoding="UTF-8"?><xmi:XMI xmlns:xmi="http://www.omg.org/XMI" xmlns:cas="http:///uima/cas.ecore" '
    'xmlns:type4="http:///de/tudarmstadt/ukp/dkpro/core/api/segmentation/type.ecore" '
    'xmlns:custom="http:///webanno/custom.ecore" xmi:version="2.0"><cas:NULL xmi:id="0"/>'
    '<type4:Token xmi:id="3" sofa="2" begin="0" end="6"/><type4:Sentence xmi:id="5" sofa="2" begin="0" end="18"/>'
    '<custom:Mention xmi:id="9" sofa="2" begin="0" end="6" kind="drug"/>'
    '<custom:Mention xmi:id="8" sofa="2" begin="10" end="14" kind="reaction" note="&quot;meh&quot;"/>'
    '<custom:Relation xmi:id="10" sofa="2" begin="10" end="14" kind="causes" Governor="9" Dependent="8"/>'
    '<custom:Post xmi:id="11" sofa="2" reports_reaction="yes" urgent="true"/>'
    '<cas:Sofa xmi:id="2" sofaNum="1" sofaID="_InitialView" mimeType="text" sofaString="Zoloft \U0001f635 zaps&#13;&#10;me"/>'
    '<cas:View sofa="2" members="3 5 8 9 10 11"/></xmi:XMI>'
)


# The drug ends within the emoji.
HALF = XMI.replace('begin="0" end="6" k', 'begin="0" end="8" k')


def _type(name: str, parent: str, **features: str) -> str:
    inside = "".join(
        f"<featureDescription><name>{feature}</name><description/><rangeTypeName>{kind}</rangeTypeName></featureDescription>"
        for feature, kind in features.items()
    )
    return (
        f"<typeDescription><name>{name}</name><description/><supertypeName>{parent}</supertypeName>"
        f"<features>{inside}</features></typeDescription>"
    )


TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><typeSystemDescription xmlns="http://uima.apache.org/resourceSpecifier"><types>'
    + _type("de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Token", "uima.tcas.Annotation")
    + _type("de.tudarmstadt.ukp.dkpro.core.api.segmentation.type.Sentence", "uima.tcas.Annotation")
    + _type("webanno.custom.Mention", "uima.tcas.Annotation", kind="uima.cas.String", note="uima.cas.String")
    + _type(
        "webanno.custom.Relation",
        "uima.tcas.Annotation",
        Dependent="uima.tcas.Annotation",
        Governor="uima.tcas.Annotation",
        kind="uima.cas.String",
    )
    + _type(
        "webanno.custom.Post", "uima.cas.AnnotationBase", reports_reaction="uima.cas.String", urgent="uima.cas.Boolean"
    )
    + "</types></typeSystemDescription>"
)


def export(place: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content.encode())
    return place


def one(place: Path, files: Mapping[str, str]) -> Document:
    (document,) = formats.read(export(place, files), None, None, ())
    return document


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return raw.getvalue()


def test_brat_as_brat_writes_it_is_read_and_written_again(tmp_path: Path) -> None:
    document = one(tmp_path, {"p1.txt": TEXT, "p1.ann": ANN})
    assert document.spans == (
        Span("T1", "drug", ((0, 6),)),
        Span("T2", "reaction", ((9, 28),)),
        Span(
            "T3", "reaction", ((34, 40), (44, 49)), "not sure, see guide", "MedDRA:10029410", "Night sweats",
            features={"Negated": True, "Confidence": "high"},
        ),
        Span("T4", "reaction", ((34, 40),)),
    )  # fmt: skip
    assert document.links == (Link("R1", "causes", "T1", "T2"),)
    assert document.kept == ("E1\tEffect:T2 Cause:T1", "*\tEquiv T3 T4")
    again = formats.written([document], "brat")
    assert again["p1.txt"].decode() == TEXT
    assert sorted(line.rstrip("\t") for line in again["p1.ann"].decode().splitlines()) == sorted(
        line.rstrip("\t") for line in ANN.splitlines()
    )


def test_events_of_brat_are_refused_by_the_other_tools_rather_than_lost(tmp_path: Path) -> None:
    document = one(tmp_path, {"p1.txt": TEXT, "p1.ann": ANN})
    for name in ("xmi", "tsv"):
        with pytest.raises(AdrwatchError, match="cannot hold document p1: the line E1 of brat"):
            formats.written([document], name)


def test_webanno_tsv_as_inception_writes_it_is_read(tmp_path: Path) -> None:
    document = one(tmp_path, {"p1.tsv": TSV})
    assert document.text == "I like it \U0001f635 .\nTwice\ta day\nanyway."
    found = {(span.type, document.text[span.places[0][0] : span.places[0][1]], span.note) for span in document.spans}
    assert found == {
        ("drug", "it", ""),
        ("reaction", "\U0001f635 .", "all [day]_"),
        ("symptom", "\U0001f635", ""),
        ("DOSE", "Twice\ta", ""),
        ("PART", "any", ""),
    }
    by_key = {span.key: span for span in document.spans}
    (link,) = document.links
    assert (by_key[link.source].type, link.type, by_key[link.target].type) == ("drug", "causes", "reaction")


def test_xmi_as_inception_writes_it_is_read(tmp_path: Path) -> None:
    document = one(tmp_path, {"p1.xmi": XMI, "TypeSystem.xml": TYPES})
    assert document.text == "Zoloft \U0001f635 zaps\r\nme"
    assert [(span.type, span.places, span.note) for span in document.spans] == [
        ("reaction", ((9, 13),), '"meh"'),
        ("drug", ((0, 6),), ""),
    ]
    by_key = {span.key: span.type for span in document.spans}
    assert [(by_key[link.source], link.type, by_key[link.target]) for link in document.links] == [
        ("drug", "causes", "reaction")
    ]
    assert document.labels == {"reports_reaction": "yes", "urgent": "yes"}


def test_the_export_of_a_whole_project_is_read_for_one_person_at_a_time(tmp_path: Path) -> None:
    of_ana = zipped({"ana.xmi": XMI, "TypeSystem.xml": TYPES})
    of_ben = zipped({"ben.xmi": XMI.replace('kind="drug"', 'kind="indication"'), "TypeSystem.xml": TYPES})
    path = tmp_path / "project.zip"
    files = {
        "annotation/p1.txt/ana.zip": of_ana,
        "annotation/p1.txt/ben.zip": of_ben,
        "annotation/p1.txt/INITIAL_CAS.zip": of_ben,
    }
    path.write_bytes(zipped(files))
    with pytest.raises(AdrwatchError, match="annotations of 2 people") as refusal:
        formats.read(path, None, None, ())
    assert refusal.value.fix == "name one: --annotator ana | ben"
    (document,) = formats.read(path, None, "ben", ())
    assert (document.id, {span.type for span in document.spans}) == ("p1", {"indication", "reaction"})
    with pytest.raises(AdrwatchError, match="nothing of cy"):
        formats.read(path, None, "cy", ())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"p.txt": TEXT, "p.ann": ANN.replace("0 6\t", "0 600\t")}, "p.ann, line 1: a mention lies outside"),
        ({"p.txt": TEXT.replace("\r\n", "\n"), "p.ann": ANN}, r"p.ann, line 2: the words .* changed after it was annotated"),
        ({"p.txt": TEXT, "p.ann": "T1\tdrug\n"}, "p.ann, line 1: not a brat mention"),
        ({"p.txt": TEXT, "p.ann": "T1\tdrug 0 6\tZoloft\nR1\tcauses Arg1:T1 Arg2:T9\n"}, "p.ann, line 2: a relation to a mention"),
        ({"p.ann": ANN}, "p.ann has no p.txt"),
        ({"p.tsv": "I like it"}, "p.tsv, line 1: not WebAnno TSV 3"),
        ({"p.tsv": TSV.replace("0-1\tI\t_\t", "0-1\tI\t")}, "p.tsv, line 9: not a token"),
        ({"p.tsv": TSV.replace("[0_1]", "[0_7]")}, "p.tsv, line 12: a relation of webanno.custom.Relation to an annotation"),
        ({"p.tsv": TSV.replace("10-12", "11-12")}, "p.tsv: no character begins at offset 11"),
        ({"p.tsv": TSV.replace("T_SP=webanno", "T_CH=webanno")}, "line 2: the layer webanno.custom.Mention has chains or slots"),
        ({"p.tsv": TSV.replace("\tdrug\t", "\t*\t")}, "p.tsv: a mention at 7 has no kind"),
        ({"p.xmi": XMI}, "p.xmi has no TypeSystem.xml"),
        ({"p.xmi": XMI[:-9], "TypeSystem.xml": TYPES}, "p.xmi, line 1: not XML"),
        ({"p.xmi": XMI.replace("custom:Post", "custom:Other"), "TypeSystem.xml": TYPES}, "p.xmi is not a UIMA CAS"),
        ({"p.xmi": XMI, "TypeSystem.xml": "<types>"}, "TypeSystem.xml, line 1: not XML"),
        ({"p.xmi": XMI.replace('Governor="9"', 'Governor="3"'), "TypeSystem.xml": TYPES}, "p.xmi: a relation of webanno"),
        ({"p.xmi": HALF, "TypeSystem.xml": TYPES}, "p.xmi: an annotation lies outside its text"),
        ({"p.odt": "?"}, "no .xmi, .tsv or .ann files"),
        ({"p.tsv": TSV, "p.ann": ANN}, "files of several formats"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(AdrwatchError, match=said) as refusal:
        formats.read(export(tmp_path, files), None, None, ())
    assert refusal.value.fix


SLOTS = TYPES.replace(
    "</types>",
    _type("webanno.custom.Frame", "uima.tcas.Annotation", roles="uima.cas.FSArray", value="uima.cas.String")
    + "</types>",
)
FRAME = XMI.replace("<cas:Sofa", '<custom:Frame xmi:id="20" sofa="2" begin="0" end="6" value="x" roles="9"/><cas:Sofa')
FRAME = FRAME.replace('members="3 5', 'members="20 3 5')


def test_what_no_corpus_holds_is_refused_until_it_is_left_out(tmp_path: Path) -> None:
    folder = export(tmp_path, {"p1.xmi": FRAME, "TypeSystem.xml": SLOTS})
    with pytest.raises(AdrwatchError, match=r"p1.xmi: the feature roles of the layer webanno.custom.Frame") as refusal:
        formats.read(folder, None, None, ())
    assert refusal.value.fix == "leave the layer out: --without webanno.custom.Frame"
    (document,) = formats.read(folder, None, None, ("webanno.custom.Frame",))
    assert [span.type for span in document.spans] == ["reaction", "drug"]


@pytest.mark.parametrize(
    ("document", "name", "said"),
    [
        (Document("d", "ill\x07"), "xmi", r"XML cannot hold document d: the character U\+0007"),
        (Document("d", "\n ill"), "tsv", "a text that begins with an end of line"),
        (Document("d", "  "), "tsv", "a text that begins with an end of line or a tab, or is blank"),
        (Document("d", "so ill", spans=(Span("T1", "drug", ((0, 3),)),)), "tsv", "begins or ends with white space"),
        (Document("d", "", {"reports_reaction": "no"}), "brat", "labels of a post without words"),
        (Document("d", "so ill", spans=(Span("T1", "Post", ((0, 2),)),)), "brat", "a span of type Post"),
        (Document("d", "so ill", spans=(Span("T1", "a drug", ((0, 2),)),)), "brat", "a type that is not one word"),
        (Document("d", "so ill", spans=(Span("T1", "drug", ((0, 2),), features={"kind": "x"}),)), "xmi", "an attribute named kind"),
        (Document("d", "so ill", spans=(Span("T1", "drug", ((0, 2),), features={"n": 2**40}),)), "xmi", "more than 32 bits"),
    ],
)  # fmt: skip
def test_what_a_tool_cannot_hold_is_refused_rather_than_changed(document: Document, name: str, said: str) -> None:
    with pytest.raises(AdrwatchError, match=said) as refusal:
        formats.written([document], name)
    assert refusal.value.fix


def test_without_cassis_xmi_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AdrwatchError, match="needs dkpro-cassis") as refusal:
        formats.written([Document("d", "ill")], "xmi")
    assert refusal.value.fix == "pip install 'adrwatch[annotation]'"

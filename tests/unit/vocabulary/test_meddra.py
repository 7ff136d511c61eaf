"""The user's MedDRA: loaded from MedAscii files, in force where the settings say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.pipeline.steps.attribute import attribute
from services.pipeline.steps.normalise import Vocabularies, normalise
from shared import settings
from shared.errors import AdrwatchError
from shared.events import Concept, Mention, decode, encode
from shared.settings import load
from shared.vocabulary.meddra import MedDra, way_up
from shared.vocabulary.normaliser import ReactionNormaliser
from tests.unit.pipeline.posts import extracted
from tests.unit.vocabulary.dictionary import FILES, written


@pytest.fixture(scope="module")
def meddra(tmp_path_factory: pytest.TempPathFactory) -> MedDra:
    return MedDra.load(written(tmp_path_factory.mktemp("medascii")))


@pytest.fixture(scope="module")
def normaliser(meddra: MedDra) -> ReactionNormaliser:
    return ReactionNormaliser.of_meddra(meddra)


def test_a_lowest_level_term_leads_to_its_preferred_term_with_the_version(meddra: MedDra) -> None:
    (term,) = meddra.lowest("QUEASY wobble")
    assert (term.code, term.preferred.name, term.current) == ("90000041", "Nausea", True)
    assert meddra.concept("90000041") == Concept("MedDRA:90000031", "Nausea", version="90.1")
    assert meddra.concept("MedDRA:90000031") == meddra.concept("90000031")
    assert meddra.concept("90000099") is None


def test_the_primary_way_up_comes_first(meddra: MedDra) -> None:
    ways = meddra.paths("MedDRA:90000033")
    assert [(way.organ_class.name, way.primary) for way in ways] == [
        ("Mind disorders", True),
        ("Belly disorders", False),
    ]
    assert way_up(meddra, "90000033") == "Night troubles > Night group > Mind disorders"


def test_a_term_that_is_not_current_is_found_marked_and_gives_way(
    meddra: MedDra, normaliser: ReactionNormaliser
) -> None:
    assert [term.current for term in meddra.lowest("lunar prickle")] == [False]
    assert normaliser.match("lunar prickle").concept.label == "Moon itch"
    assert [term.current for term in meddra.lowest("twice named")] == [True, False]
    assert normaliser.match("twice named").concept.label == "Insomnia"


def test_lay_phrases_lead_to_preferred_terms_that_both_vocabularies_have(normaliser: ReactionNormaliser) -> None:
    assert normaliser.match("couldnt sleep").concept == Concept("MedDRA:90000032", "Insomnia", version="90.1")
    assert normaliser.match("moon itches").concept.id == "MedDRA:90000033"
    # The open vocabulary knows it, this dictionary does not.
    assert normaliser.match("goose bumps").concept.id == "unmapped"


def test_designated_events_are_joined_to_the_dictionary(normaliser: ReactionNormaliser) -> None:
    assert normaliser.designated(frozenset({"HP:0002018"})) == {"HP:0002018", "MedDRA:90000031"}


@pytest.mark.parametrize("missing", [name for name in FILES if name not in ("meddra_release.asc",)])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    written(tmp_path, **{missing.removesuffix(".asc"): None})
    with pytest.raises(AdrwatchError, match=missing):
        MedDra.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("llt", FILES["llt.asc"] + "\n90000051$Cut off", "llt.asc, line 8: 10 fields"),
        ("llt", "90000051$Stray$90000099$$$$$$$Y$$", "llt.asc, line 1: preferred term 90000099 is not in pt.asc"),
        ("llt", "90000051$Odd$90000031$$$$$$$X$$", "llt.asc, line 1: .*currency"),
        ("pt", "90000031$$$90000001$", "pt.asc, line 1: 2 fields"),
        ("hlgt_hlt", "90000011$90000021$", "mdhier.asc, line 2: 90000012 over 90000022 is not in hlgt_hlt.asc"),
        ("mdhier", FILES["mdhier.asc"].replace("$N$", "$Y$"), "90000033 needs exactly one primary SOC"),
        ("soc", "90000001$Belly disorders$", "mdhier.asc, line 2: 90000002 is not in soc.asc"),
    ],
)
def test_a_broken_line_is_named_with_its_file(tmp_path: Path, name: str, content: str, said: str) -> None:
    written(tmp_path, **{name: content})
    with pytest.raises(AdrwatchError, match=said):
        MedDra.load(tmp_path)


def test_the_version_is_stated_checked_and_never_made_up(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match=r"holds MedDRA 90\.1, not 91\.0"):
        MedDra.load(written(tmp_path), "91.0")
    (tmp_path / "meddra_release.asc").unlink()
    with pytest.raises(AdrwatchError, match="does not state its version") as caught:
        MedDra.load(tmp_path)
    assert "ADRWATCH_MEDDRA_VERSION" in caught.value.fix
    assert MedDra.load(tmp_path, "91.0").version == "91.0"
    with pytest.raises(AdrwatchError, match="no MedDRA folder"):
        MedDra.load(tmp_path / "nowhere")


def test_links_named_from_below_are_read_the_other_way_round(tmp_path: Path) -> None:
    turned = ["$".join(reversed(line.strip("$").split("$"))) + "$" for line in FILES["hlt_pt.asc"].split("\n")]
    written(tmp_path, hlt_pt=None)
    (tmp_path / "pt_hlt.asc").write_text("\n".join(turned))
    assert len(MedDra.load(tmp_path).paths("90000033")) == 2


def test_a_release_in_latin_1_is_read(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "llt.asc").write_bytes("90000031$Naus\xe9e$90000031$$$$$$$Y$$\r\n".encode("latin-1"))
    assert [term.code for term in MedDra.load(tmp_path).lowest("nausée")] == ["90000031"]


def test_with_the_setting_mentions_carry_preferred_terms_and_without_it_the_open_vocabulary(tmp_path: Path) -> None:
    def named(**chosen: object) -> Concept:
        reactions = ReactionNormaliser.load(load(**chosen))
        (document,), _ = attribute([extracted("zoloft gave me a queasy tummy and nausea", "nausea")])
        (one,), _ = normalise([document], Vocabularies(reactions), "c1+e1")
        return decode(encode(one.mentions[0]), Mention).reaction

    assert named() == Concept("HP:0002018", "Nausea")
    assert named(meddra_folder=written(tmp_path)) == Concept("MedDRA:90000031", "Nausea", version="90.1")
    with pytest.raises(AdrwatchError, match="MEDDRA_VERSION is set without a folder"):
        named(meddra_version="90.1")


def test_lookup_shows_the_way_up_and_the_currency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "current", lambda: load(meddra_folder=written(tmp_path)))
    result = CliRunner().invoke(build(), ["vocabulary", "lookup", "lunar prickle", "--json"])
    assert result.exit_code == 0, result.output
    reaction, lowest, *_ = json.loads(result.output)
    assert (reaction["id"], reaction["how"]) == ("MedDRA:90000033", "phrase")
    assert reaction["note"] == "MedDRA 90.1: Night troubles > Night group > Mind disorders"
    assert (lowest["kind"], lowest["id"]) == ("lowest level term", "MedDRA:90000043")
    assert lowest["note"].startswith("not current")

"""A team's own drug list over the lexicon: what is found, what is not, what a file may hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AdrwatchError, BadMessage
from shared.events import Concept, OwnName, encode
from shared.settings import load
from shared.vocabulary import own_file
from shared.vocabulary.atc import lexicon
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from shared.vocabulary.own import EXCLUDED, KINDS, normal_name, over, take, version

SHIPPED = {
    "zoloft": Concept("DB01104", "sertraline"),
    "sertraline": Concept("DB01104", "sertraline"),
    "advil": Concept("DB01050", "ibuprofen"),
    "flu shot": Concept("MESH:1", "influenza vaccine"),
    "revolution": Concept("DB2", "selamectin"),
}
BASE = DrugLexicon(SHIPPED.items(), "base-1")
NOVEL = Concept("own:novelmab", "novelmab")
names = st.from_regex(r"[a-z][a-z0-9éü '.+-]{0,12}[a-z]", fullmatch=True).filter(
    lambda name: "  " not in name and name not in SHIPPED and name not in ("email", "user", "httpurl")
)
drugs = st.one_of(
    st.sampled_from([NOVEL, *SHIPPED.values()]),
    st.from_regex(r"own:[a-c]", fullmatch=True).map(lambda i: Concept(i, "x")),
)
additions = st.builds(
    OwnName, name=names, kind=st.sampled_from([kind for kind in KINDS if kind != EXCLUDED]), drug=drugs,
    needs_context=st.booleans(),
)  # fmt: skip
exclusions = st.builds(
    OwnName, name=st.sampled_from(list(SHIPPED)), kind=st.just(EXCLUDED), needs_context=st.booleans()
)
lists = st.lists(st.one_of(additions, exclusions), max_size=12).map(lambda many: {one.name: one for one in many})


def found(lexicon: DrugLexicon, text: str) -> list[tuple[str, str]]:
    return [(text[one.span.start : one.span.end], one.concept.label) for one in lexicon.find(text)]


@given(lists)
def test_own_names_are_found_exactly_and_excluded_ones_are_not(own: dict[str, OwnName]) -> None:
    made = over(BASE, own)
    for one in own.values():
        text = f'("{one.name.upper()}")'
        exact = [span for span in found(made, text) if span[0].lower() == one.name]
        if one.needs_context or one.kind == EXCLUDED:
            assert exact == []
        else:
            assert exact == [(one.name.upper(), one.drug.label)]
        with_dose = found(made, f'50 mg ("{one.name}")')
        assert (one.name in {span for span, _ in with_dose}) == (one.kind != EXCLUDED or one.needs_context)
    for name, concept in SHIPPED.items():
        if name not in own:
            assert made.concept(name) == concept


@given(own=lists, form=st.sampled_from(own_file.FORMS))
def test_what_is_exported_is_imported_as_the_same_list(
    tmp_path_factory: pytest.TempPathFactory, own: dict[str, OwnName], form: str
) -> None:
    path = tmp_path_factory.mktemp("list") / f"list.{form}"
    path.write_text(own_file.write(own, form), encoding="utf-8")
    again = own_file.read(path, BASE, {})
    assert again == own
    assert version(again) == version(own)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("join the revolution today", False),
        ("put revolution on the cat, 45 mg it said", True),
        ("revolution45mg", True),
        ("my vet prescribed revolution", True),
        ("revolution and zoloft", True),
        ("revolution " + "and so on " * 6 + "zoloft", False),
        ("the revolutionary 5 mg", False),
        ("a revolution at 45 mph", False),
    ],
)
def test_a_name_that_needs_context_counts_only_near_a_dose_a_word_of_medicine_or_another_drug(
    text: str, counts: bool
) -> None:
    own = {"revolution": OwnName(name="revolution", kind=EXCLUDED, needs_context=True)}
    assert ("selamectin" in {label for _, label in found(over(BASE, own), text)}) == counts


def test_two_names_that_need_context_are_none_to_one_another() -> None:
    own = {
        name: OwnName(name=name, kind="slang", drug=NOVEL, needs_context=True) for name in ("purple rain", "ice cream")
    }
    assert found(over(BASE, own), "ice cream in purple rain") == []


def test_a_drug_that_the_lexicon_has_keeps_its_label_and_codes_and_the_release_tells_the_list() -> None:
    coded = BASE.with_codes({"DB01104": ("ATC:X",)})
    own = {"sertie": OwnName(name="sertie", kind="slang", drug=Concept("DB01104", "as it was called"))}
    made = over(coded, own)
    assert made.concept("sertie") == Concept("DB01104", "sertraline", codes=("ATC:X",))
    assert (made.own, made.release) == (version(own), f"base-1+list-{version(own)}")
    assert over(BASE, {}) is BASE
    assert BASE.own == version({}) == ""


def test_a_version_is_that_of_the_content_and_not_of_its_order() -> None:
    rows = [OwnName(name=name, kind="name", drug=NOVEL) for name in ("one", "two")]
    forth, back = ({one.name: one for one in order} for order in (rows, rows[::-1]))
    assert version(forth) == version(back) != version({"one": rows[0]})


WRONG = """name,drug,kind,label,needs_context
novelza,own:novelmab,brand,novelmab,
x,sertraline,,,
sertie,sertralin,slang,,
novelza2,own:novelmab,brand,othermab,
zolo,zoloft,nickname,,
zolo,,slang,,
advil,advil,excluded,,
novelza,own:novelmab,slang,,
nothing,,excluded,,
maybe,zoloft,slang,,perhaps
EMAIL,zoloft,slang,,
new,own:new,,,
"""


def test_every_wrong_line_of_a_file_is_named_with_what_is_wrong_and_nothing_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(WRONG)
    with pytest.raises(AdrwatchError) as caught:
        own_file.read(path, BASE, {})
    first, *lines = caught.value.message.splitlines()
    assert first.endswith("has 11 wrong entries; nothing was taken")
    said = [
        "'x' is no name", "did you mean sertraline", "own:novelmab is called novelmab", "no kind 'nickname'", "'zolo' has no drug",
        "has a drug or label", "a second time", "no shipped name", "needs_context is 'perhaps'", "masked", "has no label",
    ]  # fmt: skip
    for number, (line, words) in enumerate(zip(lines, said, strict=True), start=3):
        assert line.startswith(f"  line {number}: ")
        assert words in line


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.txt", b"", "neither .csv, .tsv nor .toml"),
        ("list.csv", b"drug\nzoloft\n", "no column name"),
        ("list.csv", b"name,dose\na,b\n", "no column 'dose'"),
        ("list.csv", b"name,drug\na,b,c\n", "line 2: more cells"),
        ("list.csv", b"\xff\xfe\x00", "no UTF-8"),
        ("list.toml", b"[[names]\n", "no TOML"),
        ("list.toml", b"names = 1\n", "no list of tables"),
        ("list.tsv", None, "cannot be read"),
    ],
)
def test_a_file_of_another_form_is_named_with_the_fix(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AdrwatchError, match=said) as caught:
        own_file.read(path, BASE, {})
    assert caught.value.fix


def test_names_are_brought_to_one_form_and_what_no_post_can_hold_is_refused() -> None:
    assert normal_name("  Z–Pack\u00a0 Plus’s ") == "z-pack plus's"
    for wrong in ("", "a", "💊💊", "#tag", "123", "a" * 101, "httpurl", "a\x00b"):
        with pytest.raises(AdrwatchError):
            normal_name(wrong)


def test_records_of_the_topic_that_are_no_names_take_nothing_else_along() -> None:
    kept: dict[str, OwnName] = {}
    good = OwnName(name="novelza", kind="brand", drug=NOVEL)
    take(kept, "novelza", encode(good))
    for key, value in (
        ("a", b"\xff"), ("b", b'{"name": "other", "kind": "name"}'), ("other", encode(good)),
        ("zoloft", encode(OwnName(name="zoloft", kind=EXCLUDED, drug=NOVEL))),
        ("Novelza", encode(OwnName(name="Novelza", kind="brand", drug=NOVEL))),
    ):  # fmt: skip
        with pytest.raises(BadMessage):
            take(kept, key, value)
    assert kept == {"novelza": good}
    take(kept, "novelza", None)
    assert kept == {}


def test_commands_without_a_broker_go_by_the_list_of_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"
    path.write_text("name\tdrug\tkind\tlabel\nnovelza\town:novelmab\tbrand\tnovelmab\nadvil\t\texcluded\t\n")
    made = lexicon(load(drugs_file=path))
    assert found(made, "novelza, advil and zoloft") == [("novelza", "novelmab"), ("zoloft", "sertraline")]
    assert made.own == version(own_file.read(path, default_lexicon(), {})) != ""
    assert lexicon(load()) is default_lexicon()

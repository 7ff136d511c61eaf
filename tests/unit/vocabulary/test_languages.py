from __future__ import annotations

from collections.abc import Mapping

import pytest
from typer import Typer
from typer.testing import CliRunner

from services.vocabulary import cli, languages, sources
from shared.errors import AdrwatchError
from shared.events import UNMAPPED, Concept, OwnName
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.languages import CHINESE, LANGUAGES, LanguageReactions, drugs_in, reactions_in
from shared.vocabulary.normaliser import ReactionNormaliser
from shared.vocabulary.own import over

LEXICONS = {language: drugs_in(language, default_lexicon()) for language in LANGUAGES}
NORMALISER = ReactionNormaliser.open()
REACTIONS = {language: reactions_in(language, NORMALISER) for language in LANGUAGES}


def medicines(language: str, text: str) -> list[tuple[str, str]]:
    return [(text[one.span.start : one.span.end], one.concept.label) for one in LEXICONS[language].find(text)]


@pytest.mark.parametrize(
    ("drug", "reaction", "said"),
    [
        (
            "ibuprofen",
            "Nausea",
            {
                "en": ("advil", "so nauseous"),
                "ru": ("после нурофена", "сильную тошноту"),
                "zh": ("吃了芬必得以后", "有点恶心"),
                "de": ("nach Ibuflam", "mir ist schlecht"),
                "fr": ("après l'ibuprofène", "des nausées terribles"),
            },
        ),
        (
            "sertraline",
            "Insomnia",
            {
                "en": ("zoloft", "cant sleep"),
                "ru": ("на золофте", "совсем не могу уснуть"),
                "zh": ("舍曲林让我", "整晚睡不着觉"),
                "de": ("dank Sertralin", "kann seit Tagen nicht schlafen"),
                "fr": ("sous zoloft", "je n'arrive plus à dormir"),
            },
        ),
        (
            "acetaminophen",
            "Headache",
            {
                "en": ("tylenol", "head hurts"),
                "ru": ("от парацетамола", "болит голова"),
                "zh": ("对乙酰氨基酚", "头疼"),
                "de": ("Paracetamol", "heftige Kopfschmerzen"),
                "fr": ("Doliprane", "mal à la tête"),
            },
        ),
    ],
)
def test_one_medicine_and_one_reaction_are_one_pair_of_concepts_in_every_language(
    drug: str, reaction: str, said: Mapping[str, tuple[str, str]]
) -> None:
    for language, (medicine, complaint) in said.items():
        lexicon = drugs_in(language, default_lexicon())
        assert [one.concept for one in lexicon.find(medicine)] == [default_lexicon().concept(drug)], language
        assert reactions_in(language, NORMALISER).match(complaint).concept.label == reaction, language


@pytest.mark.parametrize("form", ["золофт", "золофта", "золофту", "золофтом", "Золофте", "золофты"])
def test_a_russian_name_is_found_in_every_case(form: str) -> None:
    assert medicines("ru", f"пью {form} неделю") == [(form, "sertraline")]


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("виагра", {"виагру", "виагры", "виагрой", "виагре"}),
        ("янувия", {"янувию", "янувии"}),
        ("литий", {"лития", "литием"}),
        ("дюфалак", {"дюфалаки", "дюфалаком"}),
        ("найз", {"найза", "найзом"}),
        ("снуп", {"снупа"}),
        ("джес", {"джесом"}),
        ("акатинол", {"акатинолов"}),
        ("тромбо асс", set()),
        ("но-шпа", {"но-шпу", "но-шпы"}),
        ("имигран", {"имиграна"}),
        ("бетасерк", {"бетасерки"}),
        ("домикош", {"домикошем", "домикоши", "домикошей"}),
    ],
)
def test_russian_names_take_the_endings_of_their_type(name: str, forms: set[str]) -> None:
    made = set(languages.inflected(name))
    assert made >= forms | {name}
    assert not {form for form in made if form.endswith(("кы", "гы", "хы", "шы", "шом"))}
    assert forms or made == {name}


def test_names_are_no_parts_of_words_but_in_chinese_where_no_space_parts_words() -> None:
    assert medicines("ru", "инсулинорезистентность") == []
    assert medicines("de", "Paracetamolvergiftungszentrale") == []
    text = "吃了两片布洛芬缓释胶囊，又吃了ibuprofen还是疼"
    assert medicines(CHINESE, text) == [("布洛芬", "ibuprofen"), ("ibuprofen", "ibuprofen")]


def test_french_names_are_found_without_their_accents_and_behind_an_article() -> None:
    found = medicines("fr", "d'ibuprofene, du paracétamol et de l'acide acetylsalicylique")
    assert [label for _, label in found] == ["ibuprofen", "acetaminophen", "acetylsalicylic acid"]


def test_english_names_that_are_everyday_words_of_the_language_are_none_there() -> None:
    assert medicines("fr", "les gens sortis ont relevé la tête, promet-il") == []
    assert medicines("de", "ein paar Proben, wir rufen an") == []


def test_names_of_the_own_list_count_in_every_language() -> None:
    own = {
        "новелма": OwnName(name="новелма", kind="brand", drug=Concept("own:novelmab", "novelmab")),
        "proben": OwnName(name="proben", kind="brand", drug=Concept("own:proben", "proben")),
    }
    lexicon = over(default_lexicon(), own)
    assert [one.concept.id for one in drugs_in("ru", lexicon).find("укол новелма")] == ["own:novelmab"]
    found = drugs_in("de", lexicon)
    assert [one.concept.id for one in found.find("zwei Proben")] == ["own:proben"]
    assert found.own == lexicon.own != ""


@pytest.mark.parametrize(
    ("language", "phrase"),
    [
        ("ru", "не тошнит"),
        ("ru", "без головной боли"),
        ("zh", "没有恶心"),
        ("de", "keine Kopfschmerzen"),
        ("fr", "pas de nausées"),
        ("ru", "фиолетовый велосипед"),
        ("zh", "紫色自行车"),
        ("de", "ein lila Fahrrad"),
        ("fr", "un vélo violet"),
        ("ru", ""),
        ("zh", ""),
        ("de", "todmüde" * 40),
    ],
)
def test_what_is_denied_or_unknown_is_never_guessed(language: str, phrase: str) -> None:
    assert REACTIONS[language].match(phrase).concept.id == UNMAPPED


@pytest.mark.parametrize(
    ("language", "phrase", "label"),
    [
        ("ru", "болит сильно голова", "Headache"),
        ("ru", "голова болела", "Headache"),
        ("ru", "головными болями", "Headache"),
        ("ru", "волосы начали выпадать", "Alopecia"),
        ("zh", "不停呕吐", "Vomiting"),
        ("de", "Haare fallen mir aus", "Alopecia"),
        ("fr", "MAUX DE TETE horribles", "Headache"),
        ("fr", "oedèmes", "Edema"),
        ("ru", "умерла", "Death"),
    ],
)
def test_cases_order_intensity_and_accents_do_not_matter(language: str, phrase: str, label: str) -> None:
    assert REACTIONS[language].match(phrase).concept.label == label


def test_death_is_found_by_the_whole_phrase_only() -> None:
    assert REACTIONS["fr"].match("mort de rire").concept.id == UNMAPPED
    assert REACTIONS["zh"].match("累死了").concept.label != "Death"


def test_every_phrase_of_the_shipped_table_leads_to_its_own_concept() -> None:
    ids = {concept.label: concept.id for _, concept in NORMALISER.vocabulary.phrases()}
    rows = list(languages.reaction_rows(ids))
    first: dict[tuple[str, str], str] = {}
    for phrase, key, _, language in rows:
        first.setdefault((language, phrase), key)
    wrong = [
        (phrase, language)
        for (language, phrase), key in first.items()
        if REACTIONS[language].match(phrase).concept.id != key
    ]
    assert wrong == []
    assert len(first) == len(rows), "a phrase stands at two concepts"


def test_every_name_of_the_shipped_table_is_found() -> None:
    for language in LANGUAGES:
        column = 1 + LANGUAGES.index(language)
        for row in sources.table(languages.DRUG_TABLES[0]):
            for name in row[column].split(",") if row[column] != "-" else ():
                assert [said for said, _ in medicines(language, f"x {name} y")] == [name], name


def test_a_label_that_no_source_has_and_a_language_without_a_vocabulary_are_errors() -> None:
    with pytest.raises(AdrwatchError, match=r"drug_names_languages\.tsv.*acetaminophen"):
        languages.drug_rows({})
    for find in (lambda: drugs_in("ja", default_lexicon()), lambda: reactions_in("ja", NORMALISER)):
        with pytest.raises(AdrwatchError, match="'ja'") as error:
            find()
        assert "ru" in str(error.value.fix)


def test_with_a_dictionary_in_force_only_its_counterparts_are_named() -> None:
    class Bridged:
        bridge: Mapping[str, Concept | None] = {"HP:1": Concept("MedDRA:1", "Nausea"), "HP:2": None}

    rows = [("тошнота", Concept("HP:1", "Nausea")), ("вялость", Concept("HP:2", "Lethargy"))]
    found = LanguageReactions("ru", rows, Bridged())  # type: ignore[arg-type]
    assert found.match("тошнотой").concept.id == "MedDRA:1"
    assert found.match("вялость").concept.id == UNMAPPED


def test_lookup_and_coverage_go_by_the_language(tmp_path) -> None:
    app = Typer()
    cli.register(app)
    shown = CliRunner().invoke(app, ["vocabulary", "lookup", "от нурофена тошнит", "--language", "ru", "--json"])
    assert '"ibuprofen"' in shown.stdout
    assert '"Nausea"' in shown.stdout
    file = tmp_path / "posts.tsv"
    file.write_text("text\nпила ибупрофен\n", encoding="utf-8")
    for language, named in (("en", 0), ("ru", 1)):
        counted = CliRunner().invoke(app, ["vocabulary", "coverage", str(file), "--language", language, "--json"])
        assert ('"named": 1' in counted.stdout) == bool(named)


def test_words_that_say_nothing_name_no_reaction_by_their_stems() -> None:
    # As words they are "then" and "sweat", with one stem.
    assert REACTIONS["ru"].match("потом").how == "none"
    assert REACTIONS["ru"].match("пот").concept.label == "Hyperhidrosis"

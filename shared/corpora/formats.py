"""The formats that can be scored, by name: a format is named as the folder of its corpus.

The folder `en_tweets` exists for both tasks, so each task has its own table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from shared.corpora import splits
from shared.corpora.ade_corpus import read_ade_corpus
from shared.corpora.brat import read_cadec, read_twimed
from shared.corpora.chinese import read_msra
from shared.corpora.conll import read_psytar, read_reddit, read_weibo
from shared.corpora.documents import read_annotated, read_labelled
from shared.corpora.json_lines import read_annotated_tweets, read_phee, read_rudrec
from shared.corpora.languages import reviews
from shared.corpora.own_posts import read_own_annotated, read_own_labelled
from shared.corpora.readers import AnnotatedPost, LabelledPost
from shared.corpora.splits import CLASSIFICATION_FOLDER, EXTRACTION_FOLDER
from shared.corpora.tables import (
    read_druglib_reviews,
    read_french_tweets,
    read_multilingual,
    read_psytar_sentences,
    read_reddit_vaccine,
    read_russian_tweets,
    read_tweets,
)
from shared.errors import AdrwatchError

P = TypeVar("P", LabelledPost, AnnotatedPost)
_DEFAULT = "en_tweets"


@dataclass(frozen=True)
class Format(Generic[P]):
    """How a corpus is written, and what of its folder is scored. `layout` is a line for people.

    `read` takes a file; also any folder where `folders`. `of_folder` takes the corpus's own folder and gives its `part`: the dev
    split, or the whole where none is published; never a test split.
    """

    name: str
    language: str
    layout: str
    read: Callable[[Path], list[P]]
    of_folder: Callable[[Path], list[P]]
    part: str = "dev"
    folders: bool = False


def labelled(data: Path, name: str | None = None) -> dict[str, list[LabelledPost]]:
    """Labelled posts to score, by a name for the report: see `_sets`."""
    return _sets(CLASSIFICATION, CLASSIFICATION_FOLDER, data, name)


def annotated(data: Path, name: str | None = None) -> dict[str, list[AnnotatedPost]]:
    """Annotated posts to score, by a name for the report: see `_sets`."""
    return _sets(EXTRACTION, EXTRACTION_FOLDER, data, name)


def _sets(formats: Mapping[str, Format[P]], kind: str, data: Path, name: str | None) -> dict[str, list[P]]:
    """A file in a format; a corpus's own folder; or, from the folder with all corpora, the dev splits of the English ones.

    Without `name` the format of a file or a folder is that which its folder is named for, else en_tweets. Raises AdrwatchError
    for an unknown name, a folder that holds none of it, and posts that are none.
    """
    if name is not None and name not in formats:
        raise AdrwatchError(f"no format {name} for this task", fix=f"--format is one of {', '.join(formats)}")
    if data.is_dir() and (data / kind).is_dir():
        chosen = (
            [formats[name]]
            if name
            else [each for each in formats.values() if each.language == "en" and each.part == "dev"]
        )
        there = [each for each in chosen if (data / kind / each.name).is_dir()]
        if not there:
            raise AdrwatchError(f"{data / kind} holds no corpus {' or '.join(each.name for each in chosen)}", fix=_GIVE)
        found = {f"{each.name} {each.part}": each.of_folder(data / kind / each.name) for each in there}
    else:
        near = data.name if data.is_dir() else data.resolve().parent.name
        form = formats[name or (near if near in formats else _DEFAULT)]
        if data.is_dir() and data.resolve().name == form.name and data.resolve().parent.name == kind:
            found = {f"{form.name} {form.part}": form.of_folder(data.resolve())}
        elif data.is_dir() and not form.folders:
            raise AdrwatchError(f"{data} is a folder, and {form.name} is read from one file", fix=_GIVE)
        else:
            found = {data.name: form.read(data)}
    if empty := [each for each, posts in found.items() if not posts]:
        raise AdrwatchError(f"{empty[0]} holds no posts", fix="check the file, and that --format names its format")
    return found


def _file(read: Callable[[Path], list[P]], *names: str) -> Callable[[Path], list[P]]:
    """Reads these files of a corpus's folder."""
    return lambda folder: [post for name in names for post in read(folder / name)]


def _table(*formats: Format[P]) -> dict[str, Format[P]]:
    return {each.name: each for each in formats}


_GIVE = (
    "give --data the folder with classification/ and ner/, a corpus's own folder there, or one file and its --format"
)

CLASSIFICATION: dict[str, Format[LabelledPost]] = _table(
    Format(
        "en_tweets",
        "en",
        "TSV, header tweet_id, created_at, label, text; no quoting",
        read_tweets,
        _file(read_tweets, "splitT_dev.tsv"),
    ),
    Format(
        "en_psytar_sentences",
        "en",
        "TSV with csv quoting, header sentences, ADR, ...",
        read_psytar_sentences,
        _file(read_psytar_sentences, "binary_dev.csv"),
    ),
    Format(
        "en_reddit_vaccine",
        "en",
        "CSV, header id, text, labels",
        read_reddit_vaccine,
        _file(read_reddit_vaccine, "valid.csv.xz"),
    ),
    Format(
        "en_druglib_reviews",
        "en",
        "TSV with csv quoting, header urlDrugName, sideEffects, sideEffectsReview, benefitsReview, ...; weak labels",
        read_druglib_reviews,
        _file(read_druglib_reviews, "drugLibTrain_raw.tsv.xz"),
        part="train",
    ),
    Format(
        "ru_tweets",
        "ru",
        "TSV with csv quoting, header tweet_id, tweet, label",
        read_russian_tweets,
        _file(read_russian_tweets, "task2_ru_validation.tsv.xz"),
    ),
    Format(
        "fr_tweets",
        "fr",
        "TSV with csv quoting, header tweet_id, user_id, class, tweet",
        read_french_tweets,
        _file(read_french_tweets, "validation.tsv"),
    ),
    Format(
        "multilingual",
        "de, fr",
        "CSV, header id, text, label, ...",
        read_multilingual,
        _file(read_multilingual, "val_de.csv.xz", "cadecv2_translated_dev.csv"),
    ),
    Format(
        "adrwatch",
        "any",
        "JSON lines: id, text, labels {reports_reaction: yes or no}; what `adrwatch annotate import` writes",
        read_labelled,
        _file(read_labelled, "dev.jsonl"),
    ),
    Format(
        "own",
        "any",
        "JSON lines: id, text, drugs, reactions {start, end, status}, pairs; posts of services/evaluation/data",
        read_own_labelled,
        _file(read_own_labelled, "posts.jsonl"),
        part="whole",
    ),
)

EXTRACTION: dict[str, Format[AnnotatedPost]] = _table(
    Format(
        "en_tweets",
        "en",
        "JSON lines: text, drug, entities [{start, end, type: ADR or Indication, meddra_code, meddra_term}]",
        read_annotated_tweets,
        lambda folder: splits.annotated_tweets(folder.parents[1]).dev,
    ),
    Format(
        "cadec",
        "en",
        "brat in CADEC's zip or a folder (.txt and .ann), or a split file (.id) beside the zip",
        read_cadec,
        _file(read_cadec, "split_dev.id"),
        folders=True,
    ),
    Format(
        "psytar",
        "en",
        "CoNLL: token, tab, BIO label of ADR, DI, WD, SSI",
        read_psytar,
        _file(read_psytar, "ner_dev.txt"),
    ),
    Format(
        "en_reddit", "en", "CoNLL: token, space, BIO label of ADR, DRUG", read_reddit, _file(read_reddit, "ner_dev.txt")
    ),
    Format(
        "phee",
        "en",
        "JSON lines: context, annotations with events and their arguments",
        read_phee,
        _file(read_phee, "dev.json.xz"),
    ),
    Format(
        "ade_corpus_v2",
        "en",
        "lines PMID|sentence|effect|start|end|drug|start|end (.rel), or PMID NEG sentence (.txt)",
        read_ade_corpus,
        read_ade_corpus,
        part="whole",
        folders=True,
    ),
    Format(
        "twimed_pubmed",
        "en",
        "brat with relations, in a .tar.xz or a folder",
        read_twimed,
        _file(read_twimed, "pubmed_1000_brat.tar.xz"),
        part="whole",
        folders=True,
    ),
    Format(
        "rudrec_ru",
        "ru",
        "JSON lines: text, entities [{start, end, entity_type: ADR, DI, Drugname, ...}]",
        read_rudrec,
        lambda folder: reviews(folder.parents[1]).dev,
        part="fifth of the reviews",
    ),
    Format(
        "weibo_zh",
        "zh",
        "CoNLL: character and its place in its word, tab, BIO label of persons, places, organisations",
        read_weibo,
        _file(read_weibo, "weiboNER_2nd_conll.dev"),
    ),
    Format(
        "msra_zh_partial",
        "zh",
        "characters with spaces between them a line, and beside it (tags for sentences in the name) their BIO labels",
        read_msra,
        _file(read_msra, "val_sentences.txt.xz"),
        part="validation",
    ),
    Format(
        "adrwatch",
        "any",
        "JSON lines: id, text, entities [{start, end, type, fragments, ...}], relations; what `adrwatch annotate import` writes",
        read_annotated,
        _file(read_annotated, "dev.jsonl"),
    ),
    Format(
        "own",
        "any",
        "JSON lines: id, text, drugs, reactions {start, end, status}, pairs; posts of services/evaluation/data",
        read_own_annotated,
        _file(read_own_annotated, "posts.jsonl"),
        part="whole",
    ),
)

"""Corpus files for the tests of this folder."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

from shared.corpora.readers import AnnotatedPost


def write(path: Path, text: str) -> Path:
    """A file with this text, compressed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


def zipped(path: Path, files: dict[str, str]) -> Path:
    """A zip with these files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def tarred(path: Path, files: dict[str, str]) -> Path:
    """A .tar.xz with these files."""
    with tarfile.open(path, "w:xz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def named(post: AnnotatedPost) -> list[tuple[str, str]]:
    """Type and words of each mention, the fragments of a discontinuous one parted by an ellipsis."""
    return [(m.type, " … ".join(post.text[start:end] for start, end in m.places)) for m in post.mentions]


def related(post: AnnotatedPost) -> list[tuple[str, str, str]]:
    """Type, drug and other end of each relation, in words."""
    words = [words for _, words in named(post)]
    return [(relation.type, words[relation.drug], words[relation.other]) for relation in post.relations or ()]


def tweets_of_both_tasks(folder: Path) -> None:
    """Both folders en_tweets: 60 tweets with one reaction, which the classifier knows, and 200 quiet ones of its dev month."""
    header = "tweet_id\tcreated_at\tlabel\ttext"
    texts = [f"drugol gave me hives, day {number}" for number in range(60)]
    classification, ner = folder / "classification", folder / "ner" / "en_tweets"
    known = [f"{number}\t2014-01-01T00:00:00Z\t1\t{text}" for number, text in enumerate(texts)]
    write(classification / "en_tweets" / "splitT_train.tsv.xz", "\n".join([header, *known, ""]))
    quiet = [f"{number}\t2014-10-01T00:00:00Z\t0\tquiet day {number}" for number in range(200)]
    write(classification / "en_tweets" / "splitT_dev.tsv", "\n".join([header, *quiet, "300\t\t1\tloud day", ""]))
    for part in ("train", "dev"):
        write(classification / "en_psytar_sentences" / f"binary_{part}.csv", "sentences\tADR\nfine\t0\n")
    entity = {"start": 15, "end": 20, "type": "ADR", "meddra_code": "10046735", "meddra_term": "hives"}
    newest = [{"id": f"n{number}", "text": text, "entities": [entity]} for number, text in enumerate(texts)]
    older = [{"text": text, "drug": "drugol", "entities": [{"start": 15, "end": 20, "type": "ADR"}]} for text in texts]
    for name, records in (
        ("diego_ner_train", older),
        ("ner_smm4h20t3_tweets", older[:1]),
        ("ner_smm4h22_positive_tweets", newest),
    ):
        write(ner / f"{name}.jsonl.xz", "".join(json.dumps(record) + "\n" for record in records))

"""A small collection of corpora in the layouts that training reads, made of posts that we wrote, and an encoder as small."""

from __future__ import annotations

import json
import lzma
import random
import zipfile
from collections.abc import Iterable
from pathlib import Path

DRUGS = ("prozac", "lipitor", "metformin", "humira", "seroquel", "cymbalta", "effexor", "trazodone")
REACTIONS = ("nausea", "a pounding headache", "night sweats", "insomnia", "a rash", "dizziness", "muscle pain")
REPORTS = ("{drug} gives me {reaction}", "day {day} on {drug} and now {reaction}", "{reaction} again, thanks {drug}")
OTHERS = ("picking up my {drug} on day {day}", "is {drug} covered by the plan?", "new trial of {drug}, part {day}")


def collection(folder: Path, seed: int = 5) -> Path:
    """Write all files; the same seed writes the same."""
    generator = random.Random(seed)
    _classification(folder / "classification", generator)
    _extraction(folder / "ner", generator)
    texts = [text for text, _, _ in _posts(generator, 60)]
    rows = [f"{number}\t1\t{text}\t2016-01-01" for number, text in enumerate(texts)]
    _write(folder / "replay/drug_tweets_2013_2019/tweets.tsv.xz", ["tweet_id\tuser_id\ttweet\tcreated_at", *rows])
    rows = [f"{number}\t2016-01-01\tx\t{text} today" for number, text in enumerate(texts)]
    header = "tweet_id\tcreated_at\tquery\ttext_handles_masked"
    _write(folder / "replay/health_tweets_2010_2020/tweets_by_time.tsv.xz", [header, *rows])
    return folder


def encoder(folder: Path, kind: str = "bert", width: int = 32) -> Path:
    """A BERT or MPNet of two layers of 32 or another `width` with a vocabulary of letters and the words above."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import AutoConfig, AutoModel

    begin, end = ("[CLS]", "[SEP]") if kind == "bert" else ("<s>", "</s>")

    letters = "abcdefghijklmnopqrstuvwxyz0123456789,.?@"
    words = sorted({word for text in (*DRUGS, *REACTIONS, "day gives me again thanks") for word in text.split()})
    vocabulary = [
        "[PAD]",
        "[UNK]",
        begin,
        end,
        "[MASK]",
        *letters,
        *(f"##{letter}" for letter in letters),
        *words,
    ]
    # Random pieces are drawn from above a thousand, where real vocabularies begin to hold words.
    vocabulary += [f"[unused{number}]" for number in range(1200 - len(vocabulary))]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True, cls_token=begin, sep_token=end)
    tokenizer.save(str(folder / "tokenizer.json"))
    sizes = {"hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 2 * width}
    config = AutoConfig.for_model(kind, vocab_size=len(vocabulary), **sizes)
    # The same weights in every run: scores of two runs can be compared, and a test that holds once holds again.
    torch.manual_seed(13)
    AutoModel.from_config(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def _posts(generator: random.Random, count: int) -> Iterable[tuple[str, str, str]]:
    """Posts, each with the reaction that it reports or nothing, and its drug."""
    for number in range(count):
        drug, reaction = generator.choice(DRUGS), generator.choice(REACTIONS)
        report = number % 2 == 0
        pattern = generator.choice(REPORTS if report else OTHERS)
        text = pattern.format(drug=drug, reaction=reaction, day=number)
        yield text, reaction if report else "", drug


def _classification(folder: Path, generator: random.Random) -> None:
    rows = []
    for number, (text, reaction, _) in enumerate(_posts(generator, 240)):
        month = "2014-08" if number >= 180 else "2014-03"
        rows.append(f"{number}\t{month}-01T00:00:00Z\t{int(bool(reaction))}\t{text}")
    header = "tweet_id\tcreated_at\tlabel\ttext"
    _write(folder / "en_tweets/splitT_train.tsv.xz", [header, *rows])
    _write(folder / "en_tweets/splitT_dev.tsv", [header, *(row.replace("day", "morning") for row in rows[:20])])
    sentences = [f"{text}\t{int(bool(reaction))}" for text, reaction, _ in _posts(generator, 40)]
    for name in ("binary_train.csv", "binary_dev.csv"):
        _write(folder / "en_psytar_sentences" / name, ["sentences\tADR", *sentences])
    reviews = [
        f"{number}\tprozac\t5\tx\tx\tx\t{text}\t{text}\tnone"
        for number, (text, _, _) in enumerate(_posts(generator, 20))
    ]
    header = "\turlDrugName\trating\teffectiveness\tsideEffects\tcondition\tbenefitsReview\tsideEffectsReview\tcommentsReview"
    _write(folder / "en_druglib_reviews/drugLibTrain_raw.tsv.xz", [header, *reviews])
    for name in ("train.csv.xz", "test_unlabelled.csv.xz"):
        posts = [f'{number},"{text}"' for number, (text, _, _) in enumerate(_posts(generator, 10))]
        _write(folder / "en_reddit_vaccine" / name, ["id,text", *posts])
    posts = [
        f'{number},"{text}",{int(bool(reaction))}' for number, (text, reaction, _) in enumerate(_posts(generator, 10))
    ]
    _write(folder / "en_reddit_vaccine" / "valid.csv.xz", ["id,text,labels", *posts])


def _extraction(folder: Path, generator: random.Random) -> None:
    for name in ("diego_ner_train", "ner_smm4h20t3_tweets", "ner_smm4h22_positive_tweets"):
        lines = []
        for text, reaction, drug in _posts(generator, 80):
            start = text.index(reaction) if reaction else 0
            entities = [{"start": start, "end": start + len(reaction), "type": "ADR"}] if reaction else []
            lines.append(json.dumps({"text": text, "entities": entities, "drug": drug}))
        _write(folder / "en_tweets" / f"{name}.jsonl.xz", lines)
    for corpus, names in (("psytar", ("ADR", "DI")), ("en_reddit", ("ADR", "DRUG"))):
        for part in ("train.txt.xz", "dev.txt"):
            _write(folder / corpus / f"ner_{part}", _columns(generator, names[0]))
    _cadec(folder / "cadec", generator)
    for part in ("train", "dev"):
        records = []
        for number, (text, _, drug) in enumerate(_posts(generator, 30)):
            found = {"text": [[drug]], "start": [[text.index(drug)]], "entity_id": ["T1"]}
            event = {
                "event_id": "E1",
                "event_type": "Potential_therapeutic_event",
                "Treatment": {**found, "Drug": found},
            }
            records.append(json.dumps({"id": str(number), "context": text, "annotations": [{"events": [event]}]}))
        _write(folder / "phee" / f"{part}.json.xz", records)


def _columns(generator: random.Random, kind: str) -> list[str]:
    lines = []
    for text, reaction, _ in _posts(generator, 60):
        before = text.partition(reaction)[0].split() if reaction else text.split()
        inside = reaction.split()
        after = text.split()[len(before) + len(inside) :]
        lines += [f"{word} O" for word in before]
        lines += [f"{word} {'B' if number == 0 else 'I'}-{kind}" for number, word in enumerate(inside)]
        lines += [*(f"{word} O" for word in after), ""]
    return lines


def _cadec(folder: Path, generator: random.Random) -> None:
    folder.mkdir(parents=True)
    names = [f"LIPITOR.{number}" for number in range(40)]
    with zipfile.ZipFile(folder / "cadec_train_dev.zip", "w") as archive:
        for name in names:
            drug = generator.choice(DRUGS)
            text = f"{drug}: pain in legs and arms, then {generator.choice(REACTIONS)}."
            notes = [
                f"T1\tDrug 0 {len(drug)}\t{drug}",
                _note("T2", text, "pain in legs"),
                _note("T3", text, "pain in", "arms"),
            ]
            archive.writestr(f"cadec/text/{name}.txt", text)
            archive.writestr(f"cadec/original/{name}.ann", "\n".join(notes) + "\n")
    _write(folder / "split_train.id", names[:30])
    _write(folder / "split_dev.id", names[30:])


def _note(key: str, text: str, *fragments: str) -> str:
    places = ";".join(f"{text.index(part)} {text.index(part) + len(part)}" for part in fragments)
    return f"{key}\tADR {places}\t{' '.join(fragments)}"


def _write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(lzma.compress(content) if path.suffix == ".xz" else content)

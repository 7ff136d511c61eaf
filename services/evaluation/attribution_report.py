"""The reports of `adrwatch evaluate attribute`, in sections, as JSON and Markdown."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from services.evaluation import attribution, own_posts
from services.evaluation.reports import Row, table
from services.evaluation.statements import FILE, LabelledStatement, read_statements
from services.pipeline.steps.normalise import Vocabularies
from shared import assertion
from shared.corpora.relations import RelatedText, held_out, read_ade, read_cadec_pairs, read_phee_pairs, read_twimed
from shared.errors import AdrwatchError
from shared.settings import current
from shared.signals.rules import load_rules
from shared.vocabulary.reactions import default_vocabulary

_READERS = {"twimed_pubmed": read_twimed, "ade_corpus_v2": read_ade, "phee": read_phee_pairs, "cadec": read_cadec_pairs}


class Section(msgspec.Struct, frozen=True):
    """Rows that belong together."""

    title: str
    rows: list[Row]


class AttributionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One half of one set of texts. `data_hash` is over texts and labels, `rules_hash` over the rules' code and cues."""

    data: str
    part: str
    data_hash: str
    rules_hash: str
    seed: int
    time: str
    sizes: dict[str, int]
    sections: list[Section]

    def json(self) -> str:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def markdown(self) -> str:
        """A heading, a line that identifies the run, and a table for each section."""
        sizes = ", ".join(f"{name} {value}" for name, value in self.sizes.items())
        lines = [
            f"## attribute: {self.data}, {self.part}",
            "",
            f"Data {self.data_hash} ({sizes}); rules {self.rules_hash}; seed {self.seed}; {self.time}.",
        ]
        for section in self.sections:
            lines += ["", f"### {section.title}", "", *table(section.rows)]
        return "\n".join(lines) + "\n"


def of_corpus(layout: str, data: Path, parts: Sequence[str], seed: int) -> list[AttributionReport]:
    """One report for each half of a corpus. Raises AdrwatchError where it cannot be read."""
    texts = _READERS[layout](data)
    return [
        _report(layout, part, _corpus_sections([text for text in texts if _part(text) == part], seed), seed)
        for part in parts
    ]


def of_posts(data: Path | None, parts: Sequence[str], seed: int, *, with_models: bool) -> list[AttributionReport]:
    """One report for each half of the own posts, or of a file like them."""
    posts = read_statements(data or FILE)
    settings = current()
    loaded = load_rules(settings.rules_file)
    vocabularies = Vocabularies(default_vocabulary(), loaded.designated_ids, loaded.designated_names)
    reports = []
    for part in parts:
        chosen = [post for post in posts if post.part == part]
        plain = [post for post in chosen if post.limit is None]
        if not plain:
            raise AdrwatchError(f"no posts of the part {part}", fix='each line needs "part": development or held-out')
        texts = [_related(post) for post in plain]
        told = own_posts.with_annotated_entities(plain, vocabularies)
        sections = [
            Section("Pairs", attribution.rows(texts, seed)),
            Section("What is asserted", [*own_posts.status_rows(told, seed), own_posts.person_row(told, seed)]),
            Section("Situations and criteria of seriousness", list(own_posts.flag_rows(told, seed))),
            Section("Serious and designated events", list(own_posts.serious_rows(told, seed))),
        ]
        limited = [post for post in chosen if post.limit is not None]
        if limited:
            rows = attribution.rows([_related(post) for post in limited], seed)
            names = ", ".join(sorted({str(post.limit) for post in limited}))
            sections.append(Section(f"Known limits ({names})", [row for row in rows if row.of == "rules"]))
        if with_models:
            whole = own_posts.with_models(plain, settings, len(os.sched_getaffinity(0)))
            rows = [*own_posts.serious_rows(whole, seed), *own_posts.stage_rows(whole, seed)]
            sections.append(Section("Serious and designated events, with the served models", rows))
        sizes = {"posts": len(plain), "pairs": sum(len(post.gold) for post in plain), "known limits": len(limited)}
        reports.append(_report(data.name if data else "own posts", part, (plain, sizes, sections), seed))
    return reports


def _corpus_sections(texts: list[RelatedText], seed: int) -> tuple[list[RelatedText], dict[str, int], list[Section]]:
    open_ones = [text for text in texts if attribution.choices(text)]
    sizes = {
        "texts": len(texts),
        "asserted pairs": sum(len(text.pairs) for text in texts),
        "candidate pairs": sum(len(text.drugs) * len(text.reactions) for text in texts),
        "texts with a choice": len(open_ones),
    }
    sections = [
        Section("Pairs", attribution.rows(texts, seed)),
        Section("Pairs of texts that assert some candidates and not others", attribution.rows(open_ones, seed)),
    ]
    return texts, sizes, sections


def _report(
    data: str, part: str, measured: tuple[Sequence[Any], dict[str, int], list[Section]], seed: int
) -> AttributionReport:
    content, sizes, sections = measured
    return AttributionReport(
        data=data,
        part=part,
        data_hash=hashlib.blake2b(repr(_plain(content)).encode(), digest_size=8).hexdigest(),
        rules_hash=_rules_hash(),
        seed=seed,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        sizes=sizes,
        sections=sections,
    )


def _plain(content: Sequence[RelatedText | LabelledStatement]) -> list[Any]:
    """Texts and labels in an order that does not depend on the run: sets have none."""
    return [
        (item.text, sorted(item.pairs), sorted(item.drugs))
        if isinstance(item, RelatedText)
        else msgspec.to_builtins(item)
        for item in content
    ]


def _rules_hash() -> str:
    folder = Path(assertion.__file__).parent
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted([*folder.glob("*.py"), *folder.glob("*.toml")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _part(text: RelatedText) -> str:
    return "held-out" if held_out(text.text) else "development"


def _related(post: LabelledStatement) -> RelatedText:
    reactions = tuple((reaction.start, reaction.end) for reaction in post.reactions)
    return RelatedText(post.text, tuple(post.drugs), reactions, post.gold)

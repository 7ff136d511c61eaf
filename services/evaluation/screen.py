"""`adrwatch evaluate screen`: what the screen loses, and what it takes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from services.evaluation.options import AsJson, Data, Format, Save, Seed, show

if TYPE_CHECKING:
    from services.evaluation.reports import Report
    from shared.settings import Settings


def register(group: typer.Typer) -> None:
    """Add `evaluate screen`."""
    group.command("screen")(evaluate_screen)


def evaluate_screen(
    data: Data, layout: Format = None, seed: Seed = 13, as_json: AsJson = False, save: Save = None
) -> None:
    """Recall of the screen on reports, its losses by cause, the advert model on posts it never saw, language by length.

    With the folder of all corpora as --data: the tweets, training and dev part apart, and the language of all corpora. With a
    file: its posts.

    Example: adrwatch evaluate screen --data DATA --save docs/models/report/screen
    """
    from shared.settings import current

    show(reports(data, layout, seed, current()), as_json, save)


def reports(data: Path, layout: str | None, seed: int, settings: Settings) -> list[Report]:
    """The reports of the command."""
    from services.evaluation import screen_language, screen_scores
    from shared.corpora.formats import CLASSIFICATION, labelled
    from shared.corpora.splits import CLASSIFICATION_FOLDER
    from shared.vocabulary.atc import lexicon

    names = lexicon(settings)
    tweets = data / CLASSIFICATION_FOLDER / "en_tweets"
    if layout is None and tweets.is_dir():
        form = CLASSIFICATION["en_tweets"]
        sets = {"en_tweets train": form.read(tweets / "splitT_train.tsv.xz"), "en_tweets dev": form.of_folder(tweets)}
        languages = screen_language.corpora(data / CLASSIFICATION_FOLDER)
    else:
        sets, languages = labelled(data, layout), {}
    screen = screen_scores.Screen.of(settings, names)
    found = [screen_scores.evaluate_reports(posts, name, screen, seed) for name, posts in sets.items()]
    found.append(screen_scores.evaluate_written(screen, seed))
    return [*found, screen_language.evaluate(languages, screen, seed)] if languages else found

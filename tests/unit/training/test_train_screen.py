"""`adrwatch train screen`: the shipped model again, and files that cannot be learned from."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from services.cli import build
from shared.errors import AdrwatchError
from shared.screening.model import AdvertModel, default_model
from shared.screening.posts import read_posts
from shared.vocabulary.drugs import default_lexicon


def test_training_again_gives_the_shipped_model(tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    result = CliRunner().invoke(build(), ["train", "screen", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "0.0% of people's posts" in result.output
    made, shipped = AdvertModel.load(out), default_model()
    # Another version of the solver may round differently, never decide differently.
    assert abs(made.threshold - shipped.threshold) <= 0.005
    assert made.about.posts_hash == shipped.about.posts_hash
    lexicon = default_lexicon()
    for post in read_posts():
        drugs = lexicon.find(post.text)
        for kind, probability in made.probabilities(post.text, drugs).items():
            assert abs(probability - shipped.probabilities(post.text, drugs)[kind]) < 0.01


def test_too_few_templates_of_a_label_are_refused(tmp_path: Path) -> None:
    posts = tmp_path / "posts.tsv"
    posts.write_text("part\tlabel\tkind\ttemplate\ttext\n" + "learn\tperson\tpatient\t2\tzoloft day\n" * 9)
    result = CliRunner().invoke(build(), ["train", "screen", "--out", str(tmp_path / "m"), "--posts", str(posts)])
    assert isinstance(result.exception, AdrwatchError)
    assert "fewer than 5 templates of the label person" in result.exception.message


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(build(), ["train", "screen", "--out", str(tmp_path)])
    assert isinstance(result.exception, AdrwatchError)
    assert "cannot be written" in result.exception.message

"""The advert model that is shipped, and the posts it learned from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.errors import AdrwatchError
from shared.provenance import content_hash
from shared.screening.adverts import first_person
from shared.screening.features import hashed
from shared.screening.model import ADVERT, BOT, FILE, PERSON, AdvertModel, default_model
from shared.screening.posts import LABELS, WrittenPost, read_posts
from shared.text.clean import mask
from shared.vocabulary.drugs import default_lexicon


def kind(post: WrittenPost) -> str:
    return default_model().kind(post.text, default_lexicon().find(post.text))


def test_every_written_post_names_a_medicine_is_masked_and_written_once() -> None:
    posts = read_posts()
    assert all(default_lexicon().find(post.text) for post in posts)
    assert all(mask(post.text) == post.text for post in posts)
    assert len({post.text for post in posts}) == len(posts)


def test_no_template_is_both_learned_from_and_held_out_and_every_label_is_in_both() -> None:
    posts = read_posts()
    parts = {held: {post.template for post in posts if post.held_out is held} for held in (True, False)}
    assert not parts[True] & parts[False]
    assert all({post.label for post in posts if post.held_out is held} == set(LABELS) for held in parts)


def test_the_shipped_model_learned_from_the_shipped_posts() -> None:
    learned = [post for post in read_posts() if not post.held_out]
    assert default_model().about.learned_from == len(learned)
    assert default_model().about.posts_hash == content_hash([(post.label, post.text) for post in learned])


def test_people_pass_all_that_it_learned_from_and_nearly_all_that_it_never_saw() -> None:
    people = [post for post in read_posts() if post.label == PERSON and not first_person(post.text)]
    assert [post.text for post in people if not post.held_out and kind(post) != PERSON] == []
    unseen = [kind(post) for post in people if post.held_out]
    assert unseen.count(PERSON) >= 0.95 * len(unseen)


def test_a_fifth_of_the_adverts_and_bots_that_it_never_saw_is_stopped() -> None:
    others = [post for post in read_posts() if post.held_out and post.label != PERSON]
    stopped = [kind(post) for post in others if kind(post) != PERSON]
    assert len(stopped) >= len(others) / 5
    assert set(stopped) == {ADVERT, BOT}


def test_which_medicine_is_named_and_in_which_case_makes_no_difference() -> None:
    lexicon = default_lexicon()
    texts = ("New on Zoloft? See HTTPURL", "new on humira? see httpurl")
    one, other = (set(hashed(text, lexicon.find(text))) for text in texts)
    assert one == other


@pytest.mark.parametrize("content", ["", "{}", '{"weights": 1}'])
def test_a_file_that_is_no_model_is_named_with_the_command_that_writes_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(content)
    with pytest.raises(AdrwatchError, match=r"model\.json is no model of the screen") as error:
        AdvertModel.load(path)
    assert "adrwatch train screen" in error.value.fix


def test_a_model_whose_weights_are_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    kept = json.loads(FILE.read_text())
    path.write_text(json.dumps({**kept, "weights": kept["weights"][4:]}))
    with pytest.raises(AdrwatchError, match="no model of the screen"):
        AdvertModel.load(path)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("label\ttext\n", "line 1: no header"),
        ("part\tlabel\tkind\ttemplate\ttext\nlearn\tperson\tpatient\t1\n", "line 2: needs part"),
        ("part\tlabel\tkind\ttemplate\ttext\nlearn\trobot\tpatient\t1\tzoloft\n", "line 2: needs part"),
    ],
)
def test_a_broken_line_of_the_posts_is_named(tmp_path: Path, content: str, wrong: str) -> None:
    path = tmp_path / "posts.tsv"
    path.write_text(content)
    with pytest.raises(AdrwatchError, match=wrong):
        read_posts(path)

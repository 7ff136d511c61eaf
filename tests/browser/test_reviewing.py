"""The review queue by its keys: a post is labelled, the next one comes, and what was said is in the corpus to train with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from deploy.local.workers import environment
from shared.corpora.tables import read_tweets
from shared.events import Outcome, Post, decode, derived_id, encode, now
from shared.stream import Output
from shared.topics import OUTCOMES, POSTS, partition_of
from shared.writer import Writer
from tests import topics
from tests.browser.conftest import Open
from tests.browser.instance import PATIENCE, Instance
from tests.browser.watching import violations


def in_doubt(instance: Instance, number: int) -> dict[str, str]:
    """Have the classifier be in doubt about some posts that are kept; their names by their texts."""
    settings = instance.settings
    kept = topics.records(settings.require("kafka_bootstrap"), POSTS.name(settings.topic_prefix))[-number:]
    posts = [decode(record.value, Post) for record in kept]
    outcomes = [
        Outcome(post_id=one.id, status="negative", created_at=now(), model_version="made-up", probability=0.5)
        for one in posts
    ]
    with Writer(settings, PATIENCE) as writer:
        writer.write(
            [
                Output(OUTCOMES, one.post_id, encode(one), partition_of(one.post_id, OUTCOMES.partitions))
                for one in outcomes
            ]
        )
    return {one.text: derived_id(one.id) for one in posts}


def test_posts_are_labelled_by_keys_taken_back_and_exported_to_train_with(
    look: Open, instance: Instance, tmp_path: Path
) -> None:
    names = in_doubt(instance, 2)
    page = look("assessor")
    page.goto("/review")
    words, waiting = page.locator("#words"), page.locator(".tile", has_text="wait for you")
    expect(waiting).to_contain_text("2")
    first = words.inner_text()
    words.dblclick(position={"x": 12, "y": 12})
    page.keyboard.press("d")
    expect(page.locator("#marks mark.drug")).to_have_text(first.split()[0])
    assert violations(page) == []
    page.keyboard.press("1")
    expect(words).not_to_have_text(first)
    expect(waiting).to_contain_text("1")
    second = words.inner_text()
    # A slip of the finger, taken back.
    page.keyboard.press("1")
    expect(page.get_by_text("Nothing to review")).to_be_visible()
    page.keyboard.press("u")
    expect(words).to_have_text(second)
    page.keyboard.press("0")
    expect(page.get_by_text("Nothing to review")).to_be_visible()
    expect(page.locator(".tile", has_text="labelled by you")).to_contain_text("2")

    command = [sys.executable, "-m", "services.cli", "labels", "export", str(tmp_path / "corpus"), "--json"]
    told = subprocess.run(command, env=os.environ | environment(instance.settings, {}), capture_output=True, check=True)
    assert json.loads(told.stdout)["written"] == 2
    corpus = read_tweets(tmp_path / "corpus" / "labels.tsv")
    assert {one.id: one.label for one in corpus} == {names[first]: 1, names[second]: 0}
    spans = [json.loads(line) for line in (tmp_path / "corpus" / "spans.jsonl").read_text().splitlines()]
    [marked] = [one["entities"] for one in spans if one["id"] == names[first]]
    assert marked == [{"start": 0, "end": len(first.split()[0]), "type": "Drug"}]

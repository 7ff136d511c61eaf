"""Rules of X that follow the lexicon, and what X thinks of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from services.ingest.networks.network import Item, Network
from services.ingest.source import SourceBroken
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from tests.networks.x import FakeX, tweet
from tests.unit.ingest.networks.x.reading import texts, until


def test_rules_follow_the_lexicon_while_the_stream_is_read(server: FakeX, x: Callable[..., Network]) -> None:
    zoloft = default_lexicon().concept("zoloft")
    assert zoloft is not None
    lexicons = [DrugLexicon([("zoloft", zoloft)], "1")]
    network = x(lambda: lexicons[-1], drugs=())
    server.rules["900"] = {"id": "900", "value": "cats", "tag": "somebody else's"}

    def then() -> None:
        lexicons.append(DrugLexicon([("zoloft", zoloft), ("zolofft", zoloft)], "2"))

    def enough(found: list[Item]) -> bool:
        if len(server.changes) > 1 and not found:
            server.add(tweet(time.time(), "zolofft, as some write it"))
        return bool(found)

    assert texts(until(network, enough, connected=then)) == ["zolofft, as some write it"]
    assert server.changes == [
        {"add": [{"value": "(zoloft) -is:retweet", "tag": "adrwatch:x"}]},
        {"add": [{"value": "(zolofft) -is:retweet", "tag": "adrwatch:x"}]},
    ]
    lexicons.append(DrugLexicon([("zolofft", zoloft)], "3"))
    until(network, lambda _: "delete" in server.changes[-1])
    assert {rule["value"] for rule in server.rules.values()} == {"cats", "(zolofft) -is:retweet"}
    assert server.connections == 2


def test_the_check_lets_x_judge_the_rules_and_changes_nothing(server: FakeX, x: Callable[..., Network]) -> None:
    said = x().check()
    assert "1 rules for" in said
    assert "2 medicines" in said
    assert (server.changes, server.rules, server.connections) == ([], {}, 0)
    with pytest.raises(SourceBroken, match=r"refuses a rule \(Invalid Rule: .*bogus"):
        x(operators="bogus:yes").check()
    with pytest.raises(SourceBroken, match="medicines that the lexicon does not have: zolofft"):
        x(drugs=("zolofft", "sertraline")).check()
    assert "names find no place" in x(drugs=(), rules=2).check()
    server.most_rules = 0
    with pytest.raises(SourceBroken, match="HTTP 422: RulesCapExceeded"):
        x().check()
    server.refuse["/compliance"] = (403, {})
    server.most_rules = 1000
    assert "deletions cannot be asked for" in x().check()
    assert "deletions are not asked for" in x(compliance_hours=0).check()
    server.refuse["/rules"] = (403, {})
    with pytest.raises(SourceBroken, match=r"does not allow rules .*plan"):
        x().check()

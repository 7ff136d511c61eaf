"""The names that a source's policy gives to posts and people, and the secrets that they are made with."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.network import PostGone
from services.ingest.networks.worker import network, run
from services.ingest.source import RawPost, Reject
from shared import keyring
from shared.errors import AdrwatchError
from shared.settings import load
from tests.networks.jetstream import POST, delete, jetstream, post
from tests.networks.source import SECRET, ours_of

ANNA = "did:plc:anna2345"


@pytest.mark.parametrize(
    ("identifiers", "post_id", "names_the_author"),
    [
        ("keep", f"bluesky:{ANNA}/{POST}/3k1", True),
        ("hmac", ours_of(ANNA, "3k1"), True),
        ("drop", ours_of(ANNA, "3k1"), False),
    ],
)
def test_a_post_has_the_id_of_its_source_s_policy_and_its_deletion_the_same(
    tmp_path: Path, identifiers: Any, post_id: str, names_the_author: bool
) -> None:
    settings = load(data_dir=tmp_path, author_secret=SECRET)
    with jetstream() as server:
        at = int(time.time() * 1e6)
        server.garbage = {0: json.dumps({"did": ANNA})}
        server.add(post(ANNA, "3k1", "zoloft", at), delete(ANNA, "3k1", at + 1))
        source = network("bluesky", Bluesky(endpoints=(server.url,), identifiers=identifiers), settings)
        with closing(source.follow("1")) as items:
            reject, found, gone = [next(one for one in items if one is not None) for _ in range(3)]
    assert isinstance(found, RawPost)
    assert found.post_id == post_id
    assert gone == PostGone(post_id)
    assert isinstance(reject, Reject)
    for kept in (reject.payload, found.veiled()):
        assert (b"hmac:" in kept) == names_the_author
        assert b"did:plc" not in kept or identifiers == "keep"


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (f"{SECRET}\n", 0o640, "is open to other users"),
        (f"{SECRET}\nan old secret without its day\n", 0o600, "line 2 of .* is no earlier author secret"),
    ],
)
def test_sources_do_not_begin_with_secrets_that_cannot_be_used(
    tmp_path: Path, content: str, mode: int, said: str
) -> None:
    file = tmp_path / keyring.FILE
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(AdrwatchError, match=said) as caught:
        run(load(data_dir=tmp_path), {"bluesky": Bluesky()})
    assert "without its day" not in f"{caught.value.message} {caught.value.fix}"

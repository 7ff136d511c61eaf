"""The keys of a source whose posts are pushed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from services.ingest.networks.keys import Drugs, Names, SourceKeys
from services.ingest.networks.network import Network
from shared import secret_file
from shared.errors import AdrwatchError
from shared.secret_place import SecretPlace
from shared.webhooks import signing_key


class Push(SourceKeys, frozen=True, kw_only=True, tag="push"):
    """A sender who pushes posts, and signs them with one of `secrets`: several while they are changed.

    `tolerance_seconds`: how old, or how far ahead, the time of a signature may be. `max_records` and `max_kib` limit one request.
    """

    secrets: Annotated[tuple[SecretPlace, ...], Meta(min_length=1, max_length=5)]
    tolerance_seconds: Annotated[float, Meta(ge=1, le=3600)] = 300.0
    max_records: Annotated[int, Meta(ge=1, le=2000)] = 1000
    max_kib: Annotated[int, Meta(ge=1, le=16_384)] = 1024

    @property
    def address(self) -> str:
        """See SourceKeys."""
        return "its sender pushes"

    def network(self, names: Names, drugs: Drugs) -> Network:
        """See SourceKeys: there is none."""
        raise AdrwatchError(f"{names.source} is pushed here, not read", fix="run `adrwatch worker push`")

    def signing_keys(self, where: str) -> tuple[list[bytes], list[AdrwatchError]]:
        """The keys of the secrets that are there now, and what is wrong with the others; `where` is whose they are."""
        keys: list[bytes] = []
        wrong: list[AdrwatchError] = []
        for number, place in enumerate(self.secrets, 1):
            what = f"{where}: secret {number}"
            try:
                key = signing_key(place.read(what), what)
                if len(key) < secret_file.LEAST:
                    raise AdrwatchError(f"{what} is shorter than {secret_file.LEAST} bytes", fix="make a longer one")
                keys.append(key)
            except AdrwatchError as error:
                wrong.append(error)
        return keys, wrong


def examine_apart(sources: Mapping[str, Push]) -> list[AdrwatchError]:
    """What is wrong where two sources have one secret: a request to one is as good at the other, for signatures name no source.

    Secrets are compared by their places, and those that are there now by what they are.
    """
    wrong: list[AdrwatchError] = []
    owners: dict[SecretPlace | bytes, str] = {}
    for name, source in sources.items():
        keys, _ = source.signing_keys(f"source {name}")
        held: tuple[SecretPlace | bytes, ...] = (*source.secrets, *keys)
        shared = {owner for one in held if (owner := owners.setdefault(one, name)) != name}
        wrong += [
            AdrwatchError(
                f"source {name}: it has a secret that source {owner} has too, so a request to one can be sent to the other",
                fix="make a secret for each source",
            )
            for owner in sorted(shared)
        ]
    return wrong

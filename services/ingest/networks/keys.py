"""What the sources of every network have in the sources file, and the names that a source gives to posts and people."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from services.ingest.networks.network import Network
from services.ingest.source import Policy
from services.ingest.veil import Pseudonym, pseudonym
from shared.errors import AdrwatchError
from shared.events import Published, Terms
from shared.keyring import Keys
from shared.text.clean import HANDLE_MASK
from shared.text.identity import author_hash, post_hash
from shared.vocabulary.drugs import DrugLexicon

# Where only aggregates may be kept, a text that the pipeline has not read within a day goes all the same, and counts nowhere: a
# pipeline that was away for a night loses nothing.
AGGREGATES_TEXT_DAYS = 1.0
# The lexicon as it is at the moment: it may change while a source is followed.
Drugs = Callable[[], DrugLexicon]
Language = Annotated[str, Meta(pattern=r"^[a-z]{2,3}$")]


def examine_address(where: str, key: str, address: str, form: str) -> None:
    """Raises AdrwatchError, without a query, which may hold a key, for what cannot be connected to; the rest is the pattern's."""
    try:
        _ = urlsplit(address).port
    except ValueError:
        raise AdrwatchError(
            f"{where}: {key}: {address.partition('?')[0]} is no address", fix=f"write {form}; a port is 65535 at most"
        ) from None


@dataclass(frozen=True)
class Names:
    """The names of one source's posts and people. `future`: how far ahead of this machine's clock a post may be, in seconds."""

    source: str
    keys: Keys
    keeps_ids: bool
    keeps_identifiers: bool
    future: float
    # What is published of the source with ids that only adrwatch can read, for networks that must be asked whether it still stands.
    sealed: Callable[[], list[Published]] = list
    # Whether a post has this id here, or this other name.
    known: Callable[[str], bool] = lambda _: False

    def post(self, address: str) -> str:
        """The native id that a post has here, from its address at the network.

        It is made with the current secret, but for a post that an earlier one has named: that keeps its name.
        """
        if self.keeps_ids:
            return address
        keyring = self.keys()
        for earlier in keyring.previous:
            name = post_hash(earlier.secret, self.source, address)
            if self.known(f"{self.source}:{name}"):
                return name
        return post_hash(keyring.current.secret, self.source, address)

    def author(self, account: str) -> str:
        """The keyed hash of an author of what is new."""
        return author_hash(self.keys().current.secret, self.source, account)

    def authors(self, account: str) -> tuple[str, ...]:
        """The keyed hashes that an author has or has had."""
        return tuple(author_hash(secret, self.source, account) for secret in self.keys().secrets)

    @property
    def person(self) -> Pseudonym:
        """Gives the pseudonym of an account, for dead letters: one and the same for all where the policy keeps nobody apart."""
        if not self.keeps_identifiers:
            return lambda _: HANDLE_MASK
        return pseudonym(self.author)


class _AbstractStruct(msgspec.StructMeta, abc.ABCMeta):
    """Of a class that is both."""


class SourceKeys(
    msgspec.Struct, metaclass=_AbstractStruct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"
):
    """What sources of every network have.

    `identifiers`: drop (no author hash), hmac (keyed hashes in place of author and id) or keep (the post's id at its network
    stays readable). `screen`: only posts that name a medicine are published. `text_days`: texts are forgotten earlier than by the
    topics' own retention. `aggregates_only`, `case_export`: see `shared.events.Terms`.
    """

    identifiers: Literal["drop", "hmac", "keep"] = "hmac"
    languages: tuple[Language, ...] = ()
    screen: bool = True
    text_days: Annotated[float, Meta(gt=0, le=7)] | None = None
    aggregates_only: bool = False
    case_export: bool = True

    @property
    def policy(self) -> Policy:
        """What is kept of people and posts."""
        return Policy(self.identifiers != "drop", Terms(self.aggregates_only, self.case_export))

    @property
    def text_limit(self) -> float | None:
        """After how many days texts are forgotten; None where that is left to the topics."""
        return AGGREGATES_TEXT_DAYS if self.text_days is None and self.aggregates_only else self.text_days

    def examine_terms(self, where: str) -> None:
        """Raises AdrwatchError where the keys that say what is kept contradict each other."""
        if self.aggregates_only and self.identifiers != "drop":
            raise AdrwatchError(
                f"{where}: with aggregates_only nobody's posts are told apart, but identifiers is {self.identifiers}",
                fix='write identifiers = "drop", or aggregates_only = false',
            )

    @property
    def seal_days(self) -> float | None:
        """How long the network's own ids of posts are kept encrypted; None where no network asks for them."""
        return None

    def names(
        self,
        source: str,
        keys: Keys,
        future: float,
        sealed: Callable[[], list[Published]] = list,
        known: Callable[[str], bool] = lambda _: False,
    ) -> Names:
        """The names under the policy, by the author secrets."""
        return Names(source, keys, self.identifiers == "keep", self.policy.keeps_identifiers, future, sealed, known)

    @property
    @abc.abstractmethod
    def address(self) -> str:
        """Where it comes from, for people."""

    def examine(self, where: str) -> None:
        """Raises AdrwatchError for what the types of the keys cannot tell; `where` is what the source is called in it."""

    @abc.abstractmethod
    def network(self, names: Names, drugs: Drugs) -> Network:
        """What follows the network; `drugs` gives the lexicon as it is now. Raises AdrwatchError where a credential is missing."""

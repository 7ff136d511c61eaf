"""The policies of the sources that files hold posts of: those of the sources file, and what whoever reads the files says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from services.ingest.readers import Reader
from services.ingest.source import Policy, RawPost, Reject
from shared.errors import AdrwatchError
from shared.events import Terms
from shared.text.identity import post_hash


@dataclass(frozen=True)
class Said:
    """What the options say of all sources; None leaves it to the sources file, and without that to what is usual."""

    identifiers: bool | None = None
    aggregates_only: bool | None = None
    case_export: bool | None = None


class Policies:
    """The policy of each source by its name. `usual` is the name of posts that name no source; `closed` are the sources whose
    cases may not be exported where neither the sources file nor an option speaks of them.

    Raises AdrwatchError where identifiers of those are asked for that may not be kept; of other sources they are not kept then.
    """

    def __init__(
        self, known: Mapping[str, Policy], said: Said, usual: str, secret: str, closed: Collection[str] = ()
    ) -> None:
        self._known = known
        self._said = said
        self._usual = usual
        self._secret = secret
        self._closed = frozenset(closed)
        self._found: dict[str, Policy] = {}
        if said.identifiers and self.of(usual).aggregates_only:
            raise AdrwatchError(
                f"of {usual} only aggregates may be kept, and no identifiers",
                fix="leave --identifiers out, or say --no-aggregates-only where its terms allow that",
            )

    def of(self, source: str) -> Policy:
        """The policy of a source."""
        if source not in self._found:
            self._found[source] = self._made(source)
        return self._found[source]

    @property
    def any_aggregates_only(self) -> bool:
        """Whether there may be a source of which only aggregates may be kept."""
        return bool(self._said.aggregates_only) or any(
            self.of(name).aggregates_only for name in (*self._known, self._usual)
        )

    def governed(self, item: RawPost | Reject) -> RawPost | Reject:
        """The record under its source's policy: where only aggregates may be kept, its id at the network becomes a hash by the
        current secret, the same as a live source of this name would give to what is new, and nothing is kept of what a refused one
        says. Nor is it where nobody knows which source a refused one is of, and it may be such a source.
        """
        if isinstance(item, RawPost):
            if not self.of(item.source).aggregates_only:
                return item
            return msgspec.structs.replace(item, native_id=post_hash(self._secret, item.source, item.native_id))
        source, _, native = (item.post_id or item.source or "").partition(":")
        if not (self.of(source).aggregates_only if source else self.any_aggregates_only):
            return item
        post_id = f"{source}:{post_hash(self._secret, source, native)}" if native else None
        return replace(item, post_id=post_id, withheld=True)

    def _made(self, source: str) -> Policy:
        said, known = self._said, self._known.get(source, Policy())
        terms = known.terms
        if said.aggregates_only is not None or said.case_export is not None:
            usual = terms or Terms(case_export=source not in self._closed)
            terms = Terms(
                usual.aggregates_only if said.aggregates_only is None else said.aggregates_only,
                usual.case_export if said.case_export is None else said.case_export,
            )
        keeps = known.keeps_identifiers if said.identifiers is None else said.identifiers
        return Policy(keeps and not (terms is not None and terms.aggregates_only), terms)


class Governed:
    """A reader whose records come under the policies of their sources."""

    def __init__(self, reader: Reader, policies: Policies) -> None:
        self.file = reader.file
        self._reader = reader
        self._policies = policies

    def __iter__(self) -> Iterator[RawPost | Reject]:
        # Most files have no such source, and then nobody looks at millions of records.
        return map(self._policies.governed, self._reader) if self._policies.any_aggregates_only else iter(self._reader)

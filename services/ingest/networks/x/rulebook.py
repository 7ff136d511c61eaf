"""Keeps the rules at X in step with the lexicon."""

from __future__ import annotations

import time

from services.ingest.networks import queries
from services.ingest.networks.keys import Drugs
from services.ingest.networks.queries import Watched, watched
from services.ingest.networks.x import rules
from services.ingest.networks.x.api import Api
from services.ingest.networks.x.configuration import X
from services.ingest.networks.x.rules import Plan, Rule
from services.ingest.source import SourceBroken
from shared.logs import logger
from shared.vocabulary.drugs import DrugLexicon

log = logger("sources")

# X may lose or change rules too: they are compared this often, and the lexicon with each look.
_COMPARE_SECONDS = 3600.0
_AGAIN_SECONDS = 60.0
_LOOK_SECONDS = 1.0
# What one request may carry is not documented; a hundred rules of the greatest length are 100 kB.
_AT_ONCE = 100
_DUPLICATE = "DuplicateRule"
_MOST_OF_RULE = 80


class Rulebook:
    """The rules of one source; those with another tag are somebody else's."""

    def __init__(self, api: Api, configuration: X, drugs: Drugs, source: str) -> None:
        self._api = api
        self._configuration = configuration
        self._drugs = drugs
        self._source = source
        self._tag = f"adrwatch:{source}"
        self._lexicon: DrugLexicon | None = None
        self._read: DrugLexicon | None = None
        self._watched = Watched([], 0, 0, [], [])
        self._next = self._look = 0.0

    @property
    def queries(self) -> list[str]:
        """What finds the same posts by search."""
        configuration = self._configuration
        return queries.pack(self._watched.terms, configuration.suffix, configuration.query_length)[0]

    def keep_in_step(self) -> None:
        """Compare again where the lexicon is another one, or where the last time is long ago. Troubles wait for the next time."""
        at = time.monotonic()
        if at < self._look:
            return
        self._look = at + _LOOK_SECONDS
        if at < self._next and self._drugs() is self._lexicon:
            return
        try:
            self.synchronise()
        except SourceBroken as trouble:
            self._next, self._lexicon = time.monotonic() + _AGAIN_SECONDS, self._drugs()
            log.warning("rules could not be compared, trying again", source=self._source, error=trouble.message)

    def synchronise(self) -> None:
        """Add and delete what makes X's rules those of the lexicon. Raises SourceBroken."""
        plan, existing = self._plan()
        room = self._configuration.rules - existing
        # First added, then deleted, so that no post falls between; where there is no room for both, the other way round.
        if len(plan.add) > room:
            self._delete(plan)
        self._add(plan, dry_run=False)
        if len(plan.add) <= room:
            self._delete(plan)
        self._next = time.monotonic() + _COMPARE_SECONDS
        self._say(plan)

    def check(self) -> str:
        """What the rules would be; X says whether it takes them, and nothing is changed. Raises SourceBroken."""
        plan, _ = self._plan()
        if self._watched.unknown:
            raise self._api.broken(
                f"is asked for medicines that the lexicon does not have: {', '.join(self._watched.unknown)}",
                fix="give ids or ingredients of the lexicon in drugs",
            )
        self._add(plan, dry_run=True)
        said = f"{len(plan.add) + len(plan.keep)} rules for {self._watched.names} names of {self._watched.medicines} medicines"
        if plan.left_out:
            said += f"; {len(plan.left_out)} names find no place, {plan.left_out[0]} first: choose drugs"
        if self._watched.hopeless:
            said += f"; no rule can find {', '.join(self._watched.hopeless[:5])}"
        return said

    def _plan(self) -> tuple[Plan, int]:
        """What is to be done, and how many rules there are now, whoever made them."""
        configuration = self._configuration
        self._lexicon = self._drugs()
        self._read_lexicon(self._lexicon)
        if not self._watched.terms:
            raise self._api.broken("has nothing to look for: no medicine of drugs is in the lexicon", fix="mend drugs")
        existing = [Rule(str(one["id"]), str(one["value"]), one.get("tag") == self._tag) for one in self._api.rules()]
        plan = rules.plan(
            existing, self._watched.terms, configuration.suffix, configuration.rule_length, configuration.rules
        )
        return plan, len(existing)

    def _read_lexicon(self, lexicon: DrugLexicon) -> None:
        # It takes a tenth of a second, and every connection begins with it.
        if self._read is not lexicon:
            self._read, self._watched = lexicon, watched(lexicon, self._configuration.drugs)

    def _add(self, plan: Plan, *, dry_run: bool) -> None:
        for begin in range(0, len(plan.add), _AT_ONCE):
            for error in self._api.add_rules(plan.add[begin : begin + _AT_ONCE], self._tag, dry_run=dry_run):
                # Somebody else's rule finds the same posts.
                if error.get("title") == _DUPLICATE:
                    continue
                details = " ".join(map(str, error.get("details") or [error.get("detail", "")]))
                # The begin of a rule tells which one it is; what is wrong is mostly its end.
                value = f"{str(error.get('value', ''))[:_MOST_OF_RULE]}… {self._configuration.suffix}"
                raise self._api.broken(
                    f"refuses a rule ({error.get('title')}: {details}): {value}",
                    self._api.waits.answered(400, {}),
                    fix="mend operators, or set rules and rule_length to what the plan has",
                )

    def _delete(self, plan: Plan) -> None:
        for begin in range(0, len(plan.delete), _AT_ONCE):
            self._api.delete_rules(plan.delete[begin : begin + _AT_ONCE])

    def _say(self, plan: Plan) -> None:
        seen = self._watched
        if plan.add or plan.delete:
            log.info("rules are in step", source=self._source, added=len(plan.add), deleted=len(plan.delete))
        for what, names in (
            ("no rule is left for some names", plan.left_out),
            ("medicines are not in the lexicon", seen.unknown),
            ("no rule can find some names", seen.hopeless),
        ):
            if names:
                log.warning(what, source=self._source, count=len(names), first=names[:5])

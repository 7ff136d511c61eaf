"""What people made of alerts is read anew when somebody has changed it, and not when somebody has only looked."""

from __future__ import annotations

from contextlib import closing

from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.dashboard.dossiers import Dossiers
from shared.settings import Settings
from tests.integration.cases.items import item, opened


def test_a_look_reads_nothing_anew_and_a_change_does(place: Settings) -> None:
    trail, dossiers = Trail.of(place), Dossiers()
    with closing(Database.opened(place)) as database:
        book = Casebook(database, trail, "assessor one")
        assert dossiers.by_alert(database, trail) == {}
        case = opened(book)
        first = dossiers.by_alert(database, trail)
        assert first[item().id].state == "new"
        book.look(case.id, "to see it")
        book.look(case.id, "to see it again")
        assert dossiers.by_alert(database, trail) is first
        book.move(case.id, "triaged", "plausible")
        book.look(case.id, "to see it then")
        assert dossiers.by_alert(database, trail)[item().id].state == "triaged"

"""What pages would make people wait for, got ready while nobody asks yet."""

from __future__ import annotations

import threading
import time

from services.dashboard.rendering import templates
from services.dashboard.view.view import View
from shared.threads import keep_what_is_loaded
from shared.vocabulary.drugs import default_lexicon

_MOMENT = 0.5


def warm_up() -> None:
    """Begin, in a thread of its own: templates are compiled, and what charts and posts are shown by is loaded."""
    threading.Thread(target=_all, name="warming", daemon=True).start()


def settle(view: View) -> None:
    """Begin, in a thread of its own: once all that pages read is there, it is no longer looked through for rubbish.

    That took a fifth of a second every some seconds, in which nobody was answered.
    """
    threading.Thread(target=_settled, args=[view], name="settling", daemon=True).start()


def _settled(view: View) -> None:
    while any(part.state != "up" for part in view.health()):
        time.sleep(_MOMENT)
    keep_what_is_loaded()


def _all() -> None:
    for name in templates().list_templates():
        templates().get_template(name)
    default_lexicon()
    # Of the band of a chart.
    import scipy.stats  # noqa: F401

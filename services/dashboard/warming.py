"""What the first pages would make people wait for, got ready while nobody asks yet."""

from __future__ import annotations

import threading

from services.dashboard.rendering import templates
from shared.vocabulary.drugs import default_lexicon


def warm_up() -> None:
    """Begin, in a thread of its own: templates are compiled, and what charts and posts are shown by is loaded."""
    threading.Thread(target=_all, name="warming", daemon=True).start()


def _all() -> None:
    for name in templates().list_templates():
        templates().get_template(name)
    default_lexicon()
    # Of the band of a chart.
    import scipy.stats  # noqa: F401

"""All that pages read, begun and ended together."""

from __future__ import annotations

from services.dashboard.view.alerts import LiveAlerts
from shared.settings import Settings


class View:
    """What the dashboard knows of topics and Redis."""

    def __init__(self, settings: Settings) -> None:
        self.alerts = LiveAlerts(settings)

    def start(self) -> None:
        """Begin to follow."""
        self.alerts.start()

    def close(self) -> None:
        """End."""
        self.alerts.close()

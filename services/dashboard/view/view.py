"""All that pages read, begun and ended together."""

from __future__ import annotations

from services.dashboard.view.alerts import LiveAlerts
from services.dashboard.view.follow import Follower
from services.dashboard.view.mentions import Mentions
from services.dashboard.view.reports import Reports
from services.dashboard.view.serious import SeriousPosts
from services.dashboard.view.state import Health
from services.dashboard.view.texts import Texts
from shared.events import now
from shared.settings import Settings
from shared.signals.rules import Rules


class View:
    """What the dashboard knows of topics and Redis. Raises AdrwatchError where its file cannot be written."""

    def __init__(self, settings: Settings, rules: Rules) -> None:
        self.alerts = LiveAlerts(settings)
        self.mentions = Mentions(settings.data_dir)
        self.serious = SeriousPosts(self.mentions)
        self.follower = Follower(settings, self.mentions)
        self.texts = Texts(settings, self.mentions, self.follower.state)
        self.reports = Reports(settings, rules)
        self._begun = now()

    def start(self) -> None:
        """Begin to follow."""
        self.alerts.start()
        self.follower.start()
        self.reports.start()

    def close(self) -> None:
        """End."""
        self.alerts.close()
        self.reports.close()
        self.follower.close()
        self.texts.close()
        self.mentions.close()

    def health(self) -> list[Health]:
        """How each part stands. What is away goes on showing what it last read."""
        return [self._of_alerts(), self.follower.state.health(), self.reports.state.health()]

    def _of_alerts(self) -> Health:
        trouble, since = self.alerts.trouble, self.alerts.troubled_since or self._begun
        if trouble is not None:
            return Health("alerts", "away", since, since, trouble.message, trouble.fix)
        return Health("alerts", "up" if self.alerts.caught_up.is_set() else "reading", self._begun)

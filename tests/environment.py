"""The settings that a process of the product would have in an environment, for tests that ask its parts without a process."""

from __future__ import annotations

from collections.abc import Mapping

from shared.settings import Settings, load

PREFIX = "ADRWATCH_"


def settings_of(environment: Mapping[str, str]) -> Settings:
    """Its variables that begin with ADRWATCH_, checked; those of this process do not count where it has the same."""
    return load(
        **{name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    )

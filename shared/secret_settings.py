"""Secrets of the settings that lie in files, as Docker and Kubernetes hand them out: ADRWATCH_KAFKA_PASSWORD_FILE and so on."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from shared import secret_file

PREFIX, SUFFIX = "ADRWATCH_", "_FILE"
# Addresses may hold a password.
_ADDRESSES = frozenset({"redis_url", "database_url"})


def secret_fields(model: type[BaseSettings]) -> list[str]:
    """The names of the settings that may be given by a file."""
    return [name for name, field in model.model_fields.items() if name in _ADDRESSES or _is_secret(field)]


def variables(model: type[BaseSettings]) -> dict[str, str]:
    """Variable that names a file → setting."""
    return {f"{PREFIX}{name.upper()}{SUFFIX}": name for name in secret_fields(model)}


class SecretFiles(PydanticBaseSettingsSource):
    """Reads what variables of the environment name. Raises AdrwatchError for a file that is open to others, or is not there."""

    def __init__(self, model: type[BaseSettings], environment: Mapping[str, str]) -> None:
        super().__init__(model)
        self._environment = environment

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret of one setting; None where no file is named. See PydanticBaseSettingsSource."""
        variable = f"{PREFIX}{field_name.upper()}{SUFFIX}"
        path = self._environment.get(variable)
        # A child process has its parent's variables, and the secrets themselves beside them.
        if not path or f"{PREFIX}{field_name.upper()}" in self._environment:
            return None, field_name, False
        return secret_file.handed_out(f"file of {variable},", Path(path)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """The secrets by setting."""
        names = secret_fields(self.settings_cls)
        found = {name: self.get_field_value(self.settings_cls.model_fields[name], name)[0] for name in names}
        return {name: value for name, value in found.items() if value is not None}


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in typing.get_args(field.annotation)

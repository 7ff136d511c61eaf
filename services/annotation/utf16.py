"""Places in a text as Java counts them, in units of UTF-16, and as Python does, in characters."""

from __future__ import annotations

from shared.errors import AdrwatchError


class Utf16:
    """Both counts of one text: characters beyond U+FFFF, such as emoji, are two units."""

    def __init__(self, text: str) -> None:
        self._units = [0]
        for character in text:
            self._units.append(self._units[-1] + (2 if ord(character) > 0xFFFF else 1))
        self._characters = {unit: number for number, unit in enumerate(self._units)}

    def unit(self, character: int) -> int:
        """Where a character begins, in units."""
        return self._units[character]

    def character(self, unit: int) -> int:
        """The character that begins at a unit. Raises AdrwatchError where none does."""
        try:
            return self._characters[unit]
        except KeyError:
            raise AdrwatchError(
                f"no character begins at offset {unit}", fix="offsets count units of UTF-16: export the file again"
            ) from None

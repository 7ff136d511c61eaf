"""What the address of a page of posts takes."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from pydantic import TypeAdapter, ValidationError

from services.dashboard.pages.alert import evidence_of


def test_where_the_page_before_ended_fits_the_database() -> None:
    at = TypeAdapter(get_type_hints(evidence_of, include_extras=True)["at"])
    assert at.validate_python("1772323200000") == 1_772_323_200_000
    for number in (-1, 2**63):
        with pytest.raises(ValidationError):
            at.validate_python(str(number))

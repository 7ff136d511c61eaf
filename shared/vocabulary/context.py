"""Whether an ambiguous name stands where people speak of medicines: beside a dose, a word of medicine or another medicine.

The whole rule is the distance and the words below; nothing is learned, so that everybody can tell why a name counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# A long sentence to either side.
DISTANCE = 60

_CUE = re.compile(
    r"""(?<![\d.])\d+(?:\.\d+)?\s?(?:mg|mgs|mcg|µg|ug|ml|iu|milligrams?|micrograms?|units?)\b
    |\b(?:pills?|tabs?|tablets?|capsules?|doses?|dosed|dosage|injections?|injected|infusions?|vaccines?|vaccinated|vaccination
    |boosters?|meds?|medications?|medicines?|drugs?|antidepressants?|antibiotics?|painkillers?|prescribed|prescriptions?|prescribes?
    |rx|refills?|pharmac(?:y|ies|ists?)|doctors?|dr|gp|psychiatrists?|psych|nurses?|side[ -]effects?|withdrawals?|taper(?:ed|ing)?
    |overdosed?)\b""",
    re.VERBOSE,
)


def near(lowered: str, start: int, end: int, medicines: Iterable[tuple[int, int]]) -> bool:
    """Whether a cue, or another medicine, begins or ends within 60 characters of the name at [start, end).

    `lowered` is the post in normal form; `medicines` are the spans of names that count by themselves.
    """
    if any(_beside(start, end, *span) for span in medicines):
        return True
    # A cue is no longer than the distance, and one that is cut is none.
    reach = max(0, start - 2 * DISTANCE), end + 2 * DISTANCE
    return any(_beside(start, end, *cue.span()) for cue in _CUE.finditer(lowered, *reach))


def _beside(start: int, end: int, first: int, last: int) -> bool:
    """Whether [first, last) is near [start, end) and does not overlap it."""
    return end <= first < end + DISTANCE or start - DISTANCE < last <= start

"""How a word is written, as one number: what characters it is made of. Letter case is left out, for it leaks labels.

After the orthographic features of Applied Sciences 12(1), 491 (2022), with what the networks add to them: handles, hashtags,
drawn-out words.
"""

from __future__ import annotations

import functools
import re

# In this order: the first that fits gives the number, from 1; 0 stands for pieces outside of words.
KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("handle", re.compile(r"@\w*")),
    ("address", re.compile(r"httpurl|email")),
    ("hashtag", re.compile(r"#.*")),
    ("number", re.compile(r"\d+(?:[.,:/x-]\d+)*%?")),
    ("dose", re.compile(r"\d+(?:[.,]\d+)?(?:mg|mcg|ug|g|ml|kg|lbs?|iu|hrs?|h|am|pm|x|st|nd|rd|th)")),
    ("mixed", re.compile(r"(?=.*[a-z])(?=.*\d).*")),
    ("drawn out", re.compile(r".*([a-z])\1\1.*")),
    ("contraction", re.compile(r"[a-z]*['’][a-z]+")),
    ("hyphenated", re.compile(r"[a-z]+(?:[-/][a-z]+)+")),
    ("short word", re.compile(r"[a-z]{1,3}")),
    ("word", re.compile(r"[a-z]+")),
    ("stop", re.compile(r"[.!?…]+")),
    ("comma", re.compile(r"[,;:]+")),
    ("bracket", re.compile(r"[()\[\]{}\"'“”‘’]+")),
    ("mark", re.compile(r"[!-/:-@\[-`{-~]+")),
    ("letters", re.compile(r"[^\W\d_]+")),
    ("symbol", re.compile(r"(?s).*")),
)


@functools.lru_cache(maxsize=16_384)
def kind(word: str) -> int:
    """The number of the first kind that a lower-cased word fits as a whole."""
    return next(number for number, (_, pattern) in enumerate(KINDS, 1) if pattern.fullmatch(word))

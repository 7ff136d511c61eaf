"""The options of a Russian recogniser, and the rows of its table; no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.training.options import Options

FOLDS = 5
# What a recogniser may lack: `bert` is the encoder, of which the table of its vectors of pieces stays.
LEVELS = ("characters", "speech", "orthography", "dictionary", "emotion", "bert")
FEATURES = ("speech", "orthography", "dictionary", "emotion")
REACTION = "reaction"


@dataclass(frozen=True)
class RussianOptions(Options):
    """Further options. `fold`: which one is scored. `kinds`: the types learned, none for all. `each`: a network for each type.

    `trained`: uppermost layers of the encoder that learn; the others' output is computed once. `layers`, `hidden`: of the
    BiLSTM, its width each way. `characters`: sentences of one review are read together up to so many characters; 0 for each by
    itself. `by`: what `adr_share` balances, reviews or sentences.
    """

    encoder: str = "multilingual"
    epochs: int = 8
    patience: int = 3
    fold: int = 0
    kinds: tuple[str, ...] = ()
    each: bool = False
    trained: int = 0
    layers: int = 1
    hidden: int = 100
    characters: int = 0
    by: str = "reviews"


_A = RussianOptions(without=("bert", *FEATURES), kinds=(REACTION,), rate=3.0)
_CONTEXT = RussianOptions(kinds=(REACTION,), rate=2.0)
_B = RussianOptions(trained=6, rate=3.0)


def _with(*levels: str) -> tuple[str, ...]:
    return tuple(name for name in _A.without if name not in levels)


# What is compared: models whole, then one thing after another added to the least of them, then shares of training reviews.
ROWS: dict[str, RussianOptions] = {
    "Model B": _B,
    "Model A": replace(_A, without=("bert",), kinds=(), each=True, layers=3, crf=True),
    "pieces and characters (A0)": _A,
    "A0 + part of speech and morphology": replace(_A, without=_with("speech")),
    "A0 + orthography": replace(_A, without=_with("orthography")),
    "A0 + dictionary": replace(_A, without=_with("dictionary")),
    "A0 + emotion": replace(_A, without=_with("emotion")),
    "A0 + two more layers": replace(_A, layers=3),
    "A0 + CRF": replace(_A, crf=True),
    "A0 + the encoder's context": replace(_A, without=_with("bert"), rate=_CONTEXT.rate),
    "encoder alone, trained": replace(_B, without=LEVELS[:-1], layers=0),
    "Model B, sentences of a review together": replace(_B, characters=800),
    "all features, encoder as it is (C)": _CONTEXT,
    "C, half of the reviews with a reaction": replace(_CONTEXT, adr_share=0.5),
    "C, half of the sentences with a reaction": replace(_CONTEXT, adr_share=0.5, by="sentences"),
    "C, only sentences with a reaction": replace(_CONTEXT, adr_share=1.0, by="sentences"),
}

"""What decides a run beside its data, and the rows of the study. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.errors import AdrwatchError

LSTM, TRANSFER, ATTENTION, INDRNN = "lstm", "transfer", "attention", "indrnn"
# From a chain of tags alone to the whole: each row has what the row before it has.
ROWS: dict[str, tuple[str, ...]] = {
    "CRF": (),
    "BiLSTM-CRF": (LSTM,),
    "+ transfer": (LSTM, TRANSFER),
    "+ attention": (LSTM, TRANSFER, ATTENTION),
    "full ASAIBC": (LSTM, TRANSFER, ATTENTION, INDRNN),
}
CORPORA = ("weibo_zh", "msra_zh_partial")
BASE, FULL = "BiLSTM-CRF", "full ASAIBC"


@dataclass(frozen=True)
class Settings:
    """What decides a run beside its data.

    `parts`: of `ROWS`. `encoder`: name and digest of a frozen encoder, empty for characters alone; `mixed`: of how many of its
    last layers a weighted sum is learned; `tuned`: how many of them are trained on, whose sum is then the last layer alone.
    `words`: whether a character's place in its word and that word's part of speech are read. `vectors`: width of the vectors
    of characters; `hidden`: of each LSTM, each way. `alpha`: weight of entities in a source sentence's weight, 1 - alpha that
    of parts of speech; `threshold`: δ, below which a sentence is left out; `source`: how many are kept at most. `adversary`,
    `difference`, `reconstruction`: weights of these losses; `segmentation`: that of the source task's own. `rate`: the highest
    learning rate, `tuned_rate` that of the encoder's layers. `characters`: in a batch.
    """

    parts: tuple[str, ...] = ROWS[FULL]
    encoder: str = ""
    mixed: int = 4
    tuned: int = 0
    words: bool = True
    vectors: int = 100
    hidden: int = 64
    dropout: float = 0.4
    alpha: float = 0.5
    threshold: float = 0.55
    source: int = 2700
    segmentation: float = 0.5
    adversary: float = 0.05
    difference: float = 1.0
    reconstruction: float = 0.05
    rate: float = 0.004
    tuned_rate: float = 0.0001
    characters: int = 1200
    epochs: int = 12
    seed: int = 13

    @property
    def transfers(self) -> bool:
        """Whether segmentation is learned beside."""
        return TRANSFER in self.parts


def rows_of(names: list[str] | None, settings: Settings) -> dict[str, Settings]:
    """The settings of each row, of all where none are named. Raises AdrwatchError for another name."""
    unknown = set(names or ()) - set(ROWS)
    if unknown:
        raise AdrwatchError(f"no row {sorted(unknown)[0]}", fix=f"rows: {', '.join(ROWS)}")
    return {name: replace(settings, parts=ROWS[name]) for name in names or ROWS}

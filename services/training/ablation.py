"""What each level of the classifier is worth: variants trained alike on the same posts, scored on held-out months."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from services.training import train_classifier
from services.training.options import Options
from services.training.scoring import logits, network
from shared.corpora.readers import LabelledPost
from shared.corpora.splits import Split
from shared.models.classifier import calibrated
from shared.scores import auroc, average_precision, decisions

# The systems of Frontiers in Economics and Management 2(3), 2021, by the levels that they lack.
VARIANTS: dict[str, tuple[str, ...]] = {
    "CNN": ("words", "pairs", "classes", "lstm"),
    "BiLSTM": ("characters", "pairs", "classes", "bert"),
    "CNN-BiLSTM": ("pairs", "classes", "bert"),
    "BERT": ("characters", "pairs", "classes", "lstm"),
    "BERT + characters": ("pairs", "classes"),
    "BERT + syntax": ("characters", "classes"),
    "all three levels": ("classes",),
    "all three and word classes": (),
}


def ablate(
    tweets: Split[LabelledPost],
    forum: Split[LabelledPost],
    options: Options,
    seeds: Sequence[int],
    variants: Sequence[str],
    folder: Path,
    say: Callable[[str], None],
) -> str:
    """Train each variant with each seed and give a Markdown table. What `folder` holds already is not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for variant in variants:
        found = []
        for seed in seeds:
            file = folder / f"{variant.replace(' ', '-')}-{seed}.json"
            if not file.is_file():
                chosen = replace(options, without=VARIANTS[variant], seed=seed)
                file.write_text(json.dumps(_one(tweets, forum, chosen, folder, say)))
            found.append(json.loads(file.read_text()))
        rows.append((variant, found))
    return table(rows)


def _one(
    tweets: Split[LabelledPost], forum: Split[LabelledPost], options: Options, folder: Path, say: Callable[[str], None]
) -> dict[str, float]:
    """F1, AUROC and average precision on the half of the held-out posts that did not choose epoch and threshold."""
    choosing = replace(tweets, held_out=tweets.held_out[::2])
    scoring = tweets.held_out[1::2]
    checkpoint = folder / "running.pt"
    best = train_classifier.train(choosing, forum, [], options, checkpoint, say)
    checkpoint.unlink()
    said = logits(*network(best), [post.text for post in scoring])
    gold = np.asarray([post.label for post in scoring])
    probabilities = calibrated(said, best["temperature"], best["bias"])
    counts = decisions(gold, probabilities >= best["policies"]["balanced"])
    return {
        "F1": counts.f1,
        "AUROC": auroc(gold, probabilities),
        "AP": average_precision(gold, probabilities),
    }


def table(rows: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> str:
    """Mean and standard deviation over the seeds of each variant."""
    names = ("F1", "AUROC", "AP")
    lines = [f"| levels | seeds | {' | '.join(names)} |", f"|---|---:|{'---:|' * len(names)}"]
    for variant, found in rows:
        cells = []
        for name in names:
            values = [one[name] for one in found]
            spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{spread}")
        lines.append(f"| {variant} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"

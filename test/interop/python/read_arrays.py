"""Reads .npy and .npz exports of single tensors with numpy, each with the lines that come with the file.

Usage: read_arrays.py JOBS.json, a list of {file, load, source, kind, names}. `source` is the PyTorch
file, `kind` own, codes or dequantized. Prints for each job the dtype, and whether shape and values
are PyTorch's own, array by array.
"""
import json
import os
import pathlib
import sys

import numpy
import torch

WIDENED = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")


def expected(tensor, kind):
    tensor = tensor.detach()
    if kind != "own" and not tensor.is_quantized:
        observer = torch.ao.quantization.default_dynamic_qconfig.weight()
        observer(tensor)
        scale, zero_point = observer.calculate_qparams()
        tensor = torch.quantize_per_tensor(tensor, float(scale), int(zero_point), torch.qint8)
    if tensor.is_quantized:
        return (tensor.int_repr() if kind == "codes" else tensor.dequantize()).numpy()
    if str(tensor.dtype)[6:] in WIDENED:
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().numpy()


def identical(ours, theirs):
    """Bit for bit, but for the payload of NaN."""
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape or not ours.flags.c_contiguous:
        return False
    if ours.dtype.kind in "fc":
        ours, theirs = (numpy.where(numpy.isnan(a), numpy.nan, a).astype(a.dtype) for a in (ours, theirs))
    return ours.tobytes() == theirs.tobytes()


def check(job):
    os.chdir(os.path.dirname(job["file"]))
    scope = {}
    exec(job["load"], scope)
    source = torch.load(job["source"], **({} if torch.__version__.startswith("1.") else {"weights_only": False}))
    found = scope.get("tensors") or {job["names"][0]: scope["codes" if "codes" in scope else "array"]}
    answer = {}
    for name in job["names"]:
        answer[name] = [str(found[name].dtype), identical(found[name], expected(source[name], job["kind"]))]
        if job["kind"] == "codes" and source[name].is_quantized:
            values = scope["value"](name) if "value" in scope else scope.get("array")
            if values is not None:
                answer[name].append(bool(numpy.allclose(values, source[name].dequantize().numpy(), rtol=1e-6, atol=0)))
    return answer


print(json.dumps([check(job) for job in json.loads(pathlib.Path(sys.argv[1]).read_text())]))

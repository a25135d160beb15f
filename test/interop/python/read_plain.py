"""Reads exports with numpy, safetensors and ONNX Runtime, each with the lines that come with the file.

Usage: read_plain.py JOBS.json, a list of {file, load, inputs}. For npz and safetensors it prints
shape, dtype and SHA-256 of every array, and the dequantized values of those with a scale; for ONNX
the outputs for the inputs given as {name: [shape, values]}, after onnx.checker.
"""
import hashlib
import json
import os
import pathlib
import sys

import numpy


def array_of(value):
    return value if isinstance(value, numpy.ndarray) else value.numpy()


def describe(value):
    array = numpy.ascontiguousarray(array_of(value))
    return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": hashlib.sha256(array.tobytes()).hexdigest()}


def tensors(scope):
    found = scope["tensors"]
    values = {n: array_of(scope["value"](n)).ravel().tolist() for n in found if n + "_scale" in found}
    return {"tensors": {name: describe(value) for name, value in found.items()}, "values": values}


def outputs(job, scope):
    import onnx

    onnx.checker.check_model(job["file"], full_check=True)
    session = scope["session"]
    dtypes = {i.name: {"tensor(int64)": "int64"}.get(i.type, "float32") for i in session.get_inputs()}
    feeds = {
        name: numpy.array(values, dtype=dtypes[name]).reshape(shape) for name, (shape, values) in job["inputs"].items()
    }
    found = session.run(None, feeds)
    return {"outputs": [output.ravel().tolist() for output in found], "shapes": [list(output.shape) for output in found]}


def check(job):
    scope = {}
    os.chdir(os.path.dirname(job["file"]))
    exec(job["load"], scope)
    return outputs(job, scope) if job["file"].endswith(".onnx") else tensors(scope)


print(json.dumps([check(job) for job in json.loads(pathlib.Path(sys.argv[1]).read_text())]))

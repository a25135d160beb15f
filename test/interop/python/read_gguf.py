"""Compares a GGUF file with what gguf-py makes of the same float arrays.

Usage: read_gguf.py FILE.gguf FILE.npz. Prints, for each tensor of the GGUF file, its type and
whether its bytes are those of gguf.quants.quantize, as JSON.
"""
import json
import sys

import gguf
import numpy

arrays = numpy.load(sys.argv[2])
reader = gguf.GGUFReader(sys.argv[1])
report = {}
for tensor in reader.tensors:
    expected = gguf.quants.quantize(arrays[tensor.name], tensor.tensor_type)
    report[tensor.name] = [tensor.tensor_type.name, tensor.data.tobytes() == expected.tobytes()]
print(json.dumps(report))

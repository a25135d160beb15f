"""Compares a GGUF file with what gguf-py makes of the same float arrays.

Usage: read_gguf.py FILE.gguf FILE.npz LOAD, the lines that come with the file. Prints, for each tensor of the GGUF file, its type and
whether its bytes are those of gguf.quants.quantize, as JSON.
"""
import json
import os
import sys

import gguf
import numpy

arrays = numpy.load(sys.argv[2])
os.chdir(os.path.dirname(sys.argv[1]))
scope = {}
exec(sys.argv[3], scope)
reader = scope["reader"]
report = {}
for tensor in reader.tensors:
    expected = gguf.quants.quantize(arrays[tensor.name], tensor.tensor_type)
    report[tensor.name] = [tensor.tensor_type.name, tensor.data.tobytes() == expected.tobytes()]
field = reader.fields["general.architecture"]
print(json.dumps({"architecture": bytes(field.parts[field.data[0]]).decode(), "tensors": report}))

"""Runs ONNX models whose data stands in files beside them, after onnx.checker, in ONNX Runtime.

Usage: external_onnx.py JOBS.json, a list of {file, input: [shape, values]}. Prints the first output of each,
the initializers that are outside, and what torch.save made beside it gives, where `torch` names such a file.

       external_onnx.py make FILE LAYERS SIDE: a torch.save of a Sequential of Linears.
"""
import json
import pathlib
import sys

import numpy


def make(path, layers, side):
    import torch

    torch.manual_seed(5)
    model = torch.nn.Sequential(*(torch.nn.Linear(side, side) for _ in range(layers)))
    torch.save(model, path)


def run(job):
    import onnx
    import onnxruntime

    shape, values = job["input"]
    array = numpy.array(values, dtype=numpy.float32).reshape(shape)
    onnx.checker.check_model(job["file"], full_check=True)
    model = onnx.load(job["file"], load_external_data=False)
    outside = [one.name for one in model.graph.initializer if one.data_location == onnx.TensorProto.EXTERNAL]
    session = onnxruntime.InferenceSession(job["file"], providers=["CPUExecutionProvider"])
    [output] = session.run(None, {session.get_inputs()[0].name: array})
    answer = {"output": output.ravel().tolist(), "outside": outside}
    if "torch" in job:
        import torch

        with torch.no_grad():
            expected = torch.load(job["torch"], weights_only=False)(torch.from_numpy(array))
        answer["difference"] = float(numpy.abs(expected.numpy() - output).max())
    return answer


if sys.argv[1] == "make":
    make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    print("null")
else:
    print(json.dumps([run(job) for job in json.loads(pathlib.Path(sys.argv[1]).read_text())]))

"""Makes ONNX models and quantizes them with onnxruntime's quantize_dynamic.

Usage: quantize_onnx.py make FOLDER: writes NAME.onnx and NAME.theirs.onnx or NAME.per_channel.theirs.onnx,
and prints the names as JSON. quantize_onnx.py compare FOLDER: for every NAME.theirs.onnx whose NAME.ours.onnx
is there, prints which initializers differ, and the largest difference of the outputs.
"""
import json
import logging
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

logging.disable(logging.WARNING)
folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")
random = numpy.random.RandomState(23)


def constant(name, *shape):
    return numpy_helper.from_array((random.randn(*shape) * random.uniform(0.1, 3)).astype("float32"), name)


def value(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, constants, inputs, outputs, opset=17):
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


node = helper.make_node


def matmul():
    nodes = [node("MatMul", ["x", "W"], ["h"], "first"), node("Relu", ["h"], ["r"]), node("MatMul", ["r", "V"], ["y"])]
    return model(nodes, [constant("W", 8, 12), constant("V", 12, 5)], [value("x", 3, 8)], [value("y", 3, 5)])


def shared_input():
    nodes = [node("MatMul", ["x", "W"], ["a"], "a"), node("MatMul", ["x", "V"], ["b"], "b"), node("Add", ["a", "b"], ["y"])]
    return model(nodes, [constant("W", 8, 6), constant("V", 8, 6)], [value("x", 2, 8)], [value("y", 2, 6)])


def gemm():
    nodes = [node("Gemm", ["x", "W", "c"], ["h"], "fc1", transB=1), node("Tanh", ["h"], ["t"]), node("Gemm", ["t", "V"], ["y"], "fc2")]
    return model(nodes, [constant("W", 9, 8), constant("c", 9), constant("V", 9, 4)], [value("x", 3, 8)], [value("y", 3, 4)])


def gemm_with_factor():
    nodes = [node("Gemm", ["x", "W"], ["y"], "scaled", alpha=0.5)]
    return model(nodes, [constant("W", 8, 4)], [value("x", 3, 8)], [value("y", 3, 4)])


def lstm(direction="forward"):
    d = 2 if direction == "bidirectional" else 1
    nodes = [node("LSTM", ["x", "W", "R", "B"], ["y", "h"], "rnn", hidden_size=6, direction=direction)]
    constants = [constant("W", d, 24, 5), constant("R", d, 24, 6), constant("B", d, 48)]
    return model(nodes, constants, [value("x", 4, 1, 5)], [value("y", 4, d, 1, 6), value("h", d, 1, 6)])


def gather():
    nodes = [node("Gather", ["table", "ids"], ["e"], "embed"), node("MatMul", ["e", "W"], ["y"], "head")]
    return model(nodes, [constant("table", 20, 8), constant("W", 8, 3)], [value("ids", 4, kind=TensorProto.INT64)], [value("y", 4, 3)])


def gather_to_float():
    nodes = [node("Gather", ["table", "ids"], ["e"], "embed"), node("Relu", ["e"], ["y"], "after")]
    return model(nodes, [constant("table", 20, 8)], [value("ids", 4, kind=TensorProto.INT64)], [value("y", 4, 8)])


def convolution():
    nodes = [node("Conv", ["x", "W", "b"], ["h"], "conv", pads=[1, 1, 1, 1]), node("Conv", ["h", "V"], ["y"], "plain", strides=[2, 2])]
    constants = [constant("W", 4, 3, 3, 3), constant("b", 4), constant("V", 2, 4, 1, 1)]
    return model(nodes, constants, [value("x", 1, 3, 6, 6)], [value("y", 1, 2, 3, 3)])


def attention():
    nodes = [node("Attention", ["x", "W", "b"], ["y"], "att", num_heads=2, domain="com.microsoft")]
    return model(nodes, [constant("W", 8, 24), constant("b", 24)], [value("x", 1, 5, 8)], [value("y", 1, 5, 8)])


def batched():
    nodes = [node("MatMul", ["x", "W"], ["h"], "deep"), node("Add", ["h", "b"], ["s"], "bias"), node("Softmax", ["s"], ["y"], axis=-1)]
    return model(nodes, [constant("W", 16, 10), constant("b", 10)], [value("x", 2, 3, 16)], [value("y", 2, 3, 10)])


def edge_values():
    zero = numpy_helper.from_array(numpy.zeros((4, 4), "float32"), "Z")
    tiny = numpy_helper.from_array(numpy.full((4, 4), 1e-30, "float32"), "T")
    ties = numpy_helper.from_array((numpy.arange(-8, 8).reshape(4, 4) * 0.5).astype("float32"), "H")
    nodes = [node("MatMul", ["x", name], [name.lower()], name) for name in ("Z", "T", "H")]
    nodes += [node("Add", ["z", "t"], ["s"]), node("Add", ["s", "h"], ["y"])]
    return model(nodes, [zero, tiny, ties], [value("x", 2, 4)], [value("y", 2, 4)])


makers = {
    "matmul": matmul,
    "shared_input": shared_input,
    "gemm": gemm,
    "gemm_with_factor": gemm_with_factor,
    "lstm": lstm,
    "bidirectional": lambda: lstm("bidirectional"),
    "gather": gather,
    "gather_to_float": gather_to_float,
    "convolution": convolution,
    "attention": attention,
    "batched": batched,
    "edge_values": edge_values,
}


# Models quantized in part; a Gemm is excluded by the name that onnxruntime gives the MatMul that it becomes first.
choices = [
    ("exclude_node", "matmul", {"nodes_to_exclude": ["first"]}),
    ("exclude_gemm", "gemm", {"nodes_to_exclude": ["fc1_MatMul"]}),
    ("exclude_gather", "gather", {"nodes_to_exclude": ["embed"]}),
    ("exclude_head", "gather", {"nodes_to_exclude": ["head"]}),
    ("only_gather", "gather", {"op_types_to_quantize": ["Gather"]}),
    ("only_conv", "convolution", {"nodes_to_quantize": ["plain"]}),
]


def make():
    names = []
    for name, maker in makers.items():
        for suffix in ("", ".per_channel", ".reduce_range"):
            title = name + suffix
            options = {"per_channel": suffix == ".per_channel", "reduce_range": suffix == ".reduce_range"}
            source = folder / (title + ".onnx")
            onnx.save(maker(), source)
            theirs = folder / (title + ".theirs.onnx")
            quantize_dynamic(source, theirs, **options, weight_type=QuantType.QInt8)
            names.append({"name": title, "perChannel": options["per_channel"], "reduceRange": options["reduce_range"]})
    for name, source, options in choices:
        onnx.save(makers[source](), folder / (name + ".onnx"))
        quantize_dynamic(folder / (name + ".onnx"), folder / (name + ".theirs.onnx"), weight_type=QuantType.QInt8, **options)
        names.append({"name": name, "perChannel": False, "reduceRange": False})
    print(json.dumps(names))


def arrays(path):
    loaded = onnx.load(path)
    onnx.checker.check_model(loaded)
    return {i.name: numpy_helper.to_array(i) for i in loaded.graph.initializer}, loaded


def outputs(path):
    session = onnxruntime.InferenceSession(str(path))
    feeds = {}
    for i in session.get_inputs():
        state = numpy.random.RandomState(5)
        feeds[i.name] = state.randint(0, 20, i.shape) if "int64" in i.type else state.randn(*i.shape).astype("float32")
    return session.run(None, feeds)


def compare():
    report = {}
    for path in sorted(folder.glob("*.theirs.onnx")):
        ours_path = folder / path.name.replace(".theirs.", ".ours.")
        theirs, _ = arrays(path)
        ours, model = arrays(ours_path)
        differing = [n for n in theirs if n not in ours or ours[n].tobytes() != theirs[n].tobytes() or ours[n].shape != theirs[n].shape]
        extra = [n for n in ours if n not in theirs]
        difference = max(float(numpy.abs(a - b).max()) for a, b in zip(outputs(path), outputs(ours_path)))
        report[path.name.replace(".theirs.onnx", "")] = {
            "differing": differing + extra,
            "count": len(theirs),
            "difference": difference,
            "opset": max(o.version for o in model.opset_import if o.domain == ""),
            "ir": model.ir_version,
        }
    print(json.dumps(report))


if __name__ == "__main__":
    make() if sys.argv[1] == "make" else compare()

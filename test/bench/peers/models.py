"""Writes the benchmark's cases as ONNX, float and dynamically quantized, for the peers of this folder.

    python models.py CASES.json FOLDER

Needs onnx and onnxruntime. Weights are uniform in ±1/sqrt(width), as PyTorch's default is; only the work
is the same as ours, not the values.
"""

import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

rng = np.random.default_rng(29592)


class Graph:
    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, *shape, bound=None):
        name = f"w{len(self.weights)}"
        bound = bound or 1 / np.sqrt(shape[-1])
        value = rng.uniform(-bound, bound, shape).astype(np.float32)
        self.weights.append(numpy_helper.from_array(value, name))
        return name

    def constant(self, value, dtype=np.int64):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name

    def node(self, op, *inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0]

    def model(self, input_shape, output):
        self.nodes.append(helper.make_node("Identity", [output], ["y"]))
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "case", [x], [y], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def recurrent(case):
    g, gates, width = Graph(), {"LSTM": 4, "GRU": 3}[case["type"]], case["width"]
    x = "x"
    for _ in range(case["layers"]):
        bound = 1 / np.sqrt(width)
        weights = [g.weight(1, gates * width, width, bound=bound) for _ in range(2)]
        bias = g.weight(1, 2 * gates * width, bound=bound)
        extra = {"linear_before_reset": 1} if case["type"] == "GRU" else {}
        y = g.node(case["type"], x, *weights, bias, outputs=1, hidden_size=width, **extra)
        x = g.node("Squeeze", y, g.constant([1]))
    return g.model([case["steps"], case["batch"], width], x)


def dense(g, x, inputs, outputs):
    return g.node("Add", g.node("MatMul", x, g.weight(inputs, outputs)), g.weight(outputs))


def linear(case):
    g = Graph()
    return g.model([case["batch"], case["inFeatures"]], dense(g, "x", case["inFeatures"], case["outFeatures"]))


def transformer(case):
    g, width, heads, steps = Graph(), case["width"], case["heads"], case["steps"]
    depth = width // heads
    x = "x"
    for _ in range(case["layers"]):
        parts = []
        for order in ([1, 0, 2], [1, 2, 0], [1, 0, 2]):
            part = g.node("Reshape", dense(g, x, width, width), g.constant([steps, heads, depth]))
            parts.append(g.node("Transpose", part, perm=order))
        q, k, v = parts
        scores = g.node("Mul", g.node("MatMul", q, k), g.constant(1 / np.sqrt(depth), np.float32))
        mixed = g.node("MatMul", g.node("Softmax", scores, axis=-1), v)
        joined = g.node("Reshape", g.node("Transpose", mixed, perm=[1, 0, 2]), g.constant([steps, 1, width]))
        x = normed(g, g.node("Add", x, dense(g, joined, width, width)), width)
        hidden = g.node("Relu", dense(g, x, width, case["feedForward"]))
        x = normed(g, g.node("Add", x, dense(g, hidden, case["feedForward"], width)), width)
    return g.model([steps, 1, width], x)


def normed(g, x, width):
    return g.node("LayerNormalization", x, g.constant(np.ones(width), np.float32), g.constant(np.zeros(width), np.float32), axis=-1)


makers = {"LSTM": recurrent, "GRU": recurrent, "Linear": linear, "TransformerEncoder": transformer}


def main(cases, folder):
    os.makedirs(folder, exist_ok=True)
    for i, case in enumerate(json.load(open(cases))):
        path = os.path.join(folder, f"{i}.float.onnx")
        onnx.save(makers[case["type"]](case), path)
        # ONNX Runtime has no quantized GRU.
        if case["type"] != "GRU":
            quantize_dynamic(path, os.path.join(folder, f"{i}.int8.onnx"), weight_type=QuantType.QInt8)
    print(json.dumps({"onnx": onnx.__version__}))


main(*sys.argv[1:])

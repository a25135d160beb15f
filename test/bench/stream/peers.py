"""The other side of run.mjs: numpy, PyTorch and ONNX Runtime on the same weights. Prints milliseconds as JSON.

peers.py prepare WEIGHTS.safetensors OUT.pt OUT.onnx | numpy FILE | torch IN.pt OUT.pt | onnx IN.onnx OUT.onnx
"""
import json
import os
import sys
import time


def weights(path):
    import numpy as np

    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    data = np.memmap(path, np.float32, "r", 8 + size)
    return {
        name: data[entry["data_offsets"][0] // 4 : entry["data_offsets"][1] // 4].reshape(entry["shape"])
        for name, entry in header.items()
    }


def prepare(path, torch_path, onnx_path):
    found = weights(path)
    import torch

    torch.save({name: torch.from_numpy(values.copy()) for name, values in found.items()}, torch_path)
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("MatMul", [f"x{i}", name], [f"x{i + 1}"], name) for i, name in enumerate(found)]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4096])
    initializers = [numpy_helper.from_array(values, name) for name, values in found.items()]
    graph = helper.make_graph(nodes, "g", [value("x0")], [value(f"x{len(nodes)}")], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, onnx_path, save_as_external_data=True, location=os.path.basename(onnx_path) + ".data")


def timed(work):
    started = time.perf_counter()
    work()
    import resource

    print(json.dumps({"ms": (time.perf_counter() - started) * 1000, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000}))


def numpy_stats(path):
    import numpy as np

    values = np.concatenate([one.ravel() for one in weights(path).values()])
    timed(lambda: (values.min(), values.max(), values.mean(dtype=np.float64), values.std(dtype=np.float64), np.histogram(values, 512)))


def torch_quantize(source, target):
    import torch

    torch.set_num_threads(1)
    layers = torch.nn.Sequential()
    with torch.device("meta"):
        count = len(torch.load(source, mmap=True, map_location="meta"))
        layers = torch.nn.ModuleDict({"layers": torch.nn.ModuleList(torch.nn.Linear(4096, 4096, bias=False) for _ in range(count))})

    def work():
        layers.load_state_dict(torch.load(source), assign=True)
        torch.save(torch.ao.quantization.quantize_dynamic(layers, {torch.nn.Linear}).state_dict(), target)

    timed(work)


def onnx_quantize(source, target):
    from onnxruntime.quantization import QuantType, quantize_dynamic

    timed(lambda: quantize_dynamic(source, target, weight_type=QuantType.QInt8, use_external_data_format=True))


{"prepare": prepare, "numpy": numpy_stats, "torch": torch_quantize, "onnx": onnx_quantize}[sys.argv[1]](*sys.argv[2:])

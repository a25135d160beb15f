"""PyTorch as a contender: reads one request a line, {"case": …, "int8": bool, "ms": n}, answers with times in µs."""

import json
import sys
import time

import numpy as np
import torch

torch.set_num_threads(1)
torch.set_grad_enabled(False)
torch.manual_seed(29592)
modules = {}


def build(case):
    kind = case["type"]
    if kind == "Linear":
        return torch.nn.Linear(case["inFeatures"], case["outFeatures"]), torch.randn(case["batch"], case["inFeatures"])
    if kind == "TransformerEncoder":
        layer = torch.nn.TransformerEncoderLayer(case["width"], case["heads"], case["feedForward"])
        encoder = torch.nn.TransformerEncoder(layer, case["layers"], enable_nested_tensor=False)
        return encoder, torch.randn(case["steps"], 1, case["width"])
    module = getattr(torch.nn, kind)(case["width"], case["width"], case["layers"])
    return module, torch.randn(case["steps"], case["batch"], case["width"])


def prepare(case, int8):
    key = (case["name"], int8)
    if key not in modules:
        module, x = build(case)
        module = torch.nn.Sequential(module).eval()
        if int8:
            module = torch.ao.quantization.quantize_dynamic(module, {torch.nn.Linear, torch.nn.LSTM, torch.nn.GRU})
        modules[key] = (module[0], x)
    return modules[key]


def timed_statistics(count):
    if "values" not in modules:
        modules["values"] = np.tile(np.random.default_rng(1).standard_normal(65536, dtype=np.float32), count // 65536)
    values = modules["values"]
    start = time.perf_counter()
    values.min(), values.max(), values.mean(), values.std()
    np.histogram(values, 512)
    return (time.perf_counter() - start) * 1e6


for line in sys.stdin:
    request = json.loads(line)
    if "case" not in request:
        print(json.dumps({"version": torch.__version__, "engine": torch.backends.quantized.engine}), flush=True)
        continue
    if request["case"] == "statistics":
        times = [timed_statistics(request["count"])]
        print(json.dumps({"times": times}), flush=True)
        continue
    module, x = prepare(request["case"], request["int8"])
    times, end = [], time.perf_counter() + request["ms"] / 1000
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        module(x)
        times.append((time.perf_counter() - start) * 1e6)
    print(json.dumps({"times": times}), flush=True)

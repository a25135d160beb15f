"""Loads exports into PyTorch with the lines that Quantscope offers, and compares.

Usage: load_export.py JOBS.json, a list of {case, engine, file, load, per_channel}; the engine is null
for a float export. Each `load` runs as it stands, in the folder of the file, with `model` being the
case's float model with other weights. Prints a JSON list: for each the largest difference from
PyTorch's own model and the names that did not match.
"""
import copy
import json
import os
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures"))
import generate  # noqa: E402

# Where the script that saved the whole modules had them.
Recipe = generate.Recipe


def other_weights(model):
    """The same modules with weights that the export must replace."""
    model = copy.deepcopy(model)
    torch.manual_seed(77)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def outputs(model, inputs):
    with torch.no_grad():
        return generate.flat(model(*inputs))


def check(job):
    torch.manual_seed(0)
    model, inputs = generate.cases[job["case"]]()
    model.eval()
    native = model
    if job["engine"] is not None:
        config = torch.ao.quantization.per_channel_dynamic_qconfig if job.get("per_channel") else None
        types = {torch.nn.Linear, torch.nn.LSTM, torch.nn.GRU}
        native = generate.quantize(model, job["engine"], dict.fromkeys(types, config) if config else None)
    scope = {"model": other_weights(model)}
    if hasattr(torch.serialization, "clear_safe_globals"):
        torch.serialization.clear_safe_globals()
    os.chdir(os.path.dirname(job["file"]))
    exec(job["load"], scope)
    loaded = scope["model"]
    answer = {}
    if job["request"].get("layout") == "set_weight_bias":
        answer["plain"] = loads_weights_only(job["file"])
    pairs = list(zip(outputs(native, inputs), outputs(loaded, inputs)))
    difference = max((a - b).abs().max().item() for a, b in pairs)
    return {**answer, "difference": difference, "printed": str(loaded) == str(native)}


def loads_weights_only(file):
    """Without a word of trust."""
    if hasattr(torch.serialization, "clear_safe_globals"):
        torch.serialization.clear_safe_globals()
    try:
        return len(torch.load(file, weights_only=True)) > 0
    except Exception:
        return False


print(json.dumps([check(job) for job in json.loads(pathlib.Path(sys.argv[1]).read_text())]))

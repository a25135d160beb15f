"""Runs the class that a forward plan stands for: run_plan.py CHECKPOINT PLAN.py INPUT.json prints the output as JSON.

INPUT.json is {"shape": […], "dtype": "float32" or "int64", "values": […]}. The state dict is loaded strictly.
"""
import json
import sys

import torch

checkpoint, source, given = sys.argv[1:]
space = {}
exec(compile(open(source, encoding="utf-8").read(), source, "exec"), space)
model = space["Plan"]()
model.load_state_dict(torch.load(checkpoint))
model.eval()
one = json.load(open(given))
with torch.no_grad():
    output = model(torch.tensor(one["values"], dtype=getattr(torch, one["dtype"])).reshape(one["shape"]))
print(json.dumps({"shape": list(output.shape), "values": output.flatten().tolist()}))

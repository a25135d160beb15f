"""Saves small models before and after quantize_dynamic, for a comparison byte for byte.

Usage: save_models.py FOLDER. For each model NAME: NAME.pt, and NAME.ENGINE.pt, or
NAME.ENGINE.per_channel.pt where Linear is quantized per channel. Prints the names as JSON.
"""
import copy
import json
import pathlib
import sys

import torch
import torch.nn as nn
from torch.ao import quantization

folder = pathlib.Path(sys.argv[1])


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 6, 2, bidirectional=True)
        self.hidden = nn.Linear(12, 7)
        self.plain = nn.Linear(7, 4, bias=False)
        self.gru = nn.GRU(4, 3)


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTMCell(3, 4)
        self.gru = nn.GRUCell(4, 5)
        self.rnn = nn.RNNCell(5, 2)


class Deep(nn.Module):
    """More than ten storages, whose keys 1.13 sorts as strings, and modules without parameters between."""

    def __init__(self):
        super().__init__()
        layers = [nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Dropout(0.1)) for _ in range(8)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 3)


models = {"recurrent": Recurrent, "cells": Cells, "deep": Deep}
linear = {nn.Linear: quantization.per_channel_dynamic_qconfig}
names = []
for name, make in models.items():
    torch.manual_seed(41)
    model = make()
    torch.save(model.state_dict(), folder / (name + ".pt"))
    for engine in ("fbgemm", "onednn", "qnnpack"):
        if engine not in torch.backends.quantized.supported_engines:
            continue
        torch.backends.quantized.engine = engine
        for suffix, spec in (("", None), (".per_channel", linear)):
            if suffix and name != "deep":
                continue
            quantized = quantization.quantize_dynamic(copy.deepcopy(model), spec)
            file = "%s.%s%s.pt" % (name, engine, suffix)
            torch.save(quantized.state_dict(), folder / file)
            names.append({"model": name, "engine": engine, "perChannel": suffix != "", "file": file})
print(json.dumps(names))

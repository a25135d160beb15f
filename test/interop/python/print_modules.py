"""Saves one module of every kind, and what Python prints for it before and after quantize_dynamic.

Usage: print_modules.py FOLDER. Prints a JSON list: label, file and print of the module, and, where
PyTorch quantizes it, of the dynamic one.
"""
import json
import pathlib
import sys
import warnings

import torch
import torch.nn as nn
from torch.ao import quantization

warnings.filterwarnings("ignore")
folder = pathlib.Path(sys.argv[1])
engines = torch.backends.quantized.supported_engines
torch.backends.quantized.engine = "fbgemm" if "fbgemm" in engines else "onednn"


def modules():
    yield nn.Linear(3, 4)
    yield nn.Linear(3, 4, bias=False)
    yield nn.Bilinear(2, 3, 4)
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        yield kind(8, 8)
        yield kind(10, 20, 2, batch_first=True, dropout=0.25, bidirectional=True)
        yield kind(1, 2, 3, dropout=1)
        yield kind(4, 6, bias=False)
    yield nn.LSTM(10, 20, 2, proj_size=5)
    yield nn.RNN(10, 20, nonlinearity="relu")
    for kind in (nn.LSTMCell, nn.GRUCell, nn.RNNCell):
        yield kind(3, 4)
        yield kind(3, 4, bias=False)
    yield nn.RNNCell(3, 4, nonlinearity="relu")
    yield nn.Embedding(10, 3)
    yield nn.Embedding(10, 3, padding_idx=0)
    yield nn.Embedding(10, 3, padding_idx=9, max_norm=1.0, norm_type=1.5, scale_grad_by_freq=True, sparse=True)
    yield nn.EmbeddingBag(10, 4)
    yield nn.EmbeddingBag(10, 4, mode="sum", padding_idx=1)
    yield nn.LayerNorm(5)
    yield nn.LayerNorm((2, 3), eps=1e-6, elementwise_affine=False)
    yield nn.GroupNorm(2, 6)
    yield nn.BatchNorm1d(3)
    yield nn.BatchNorm2d(3, momentum=None, affine=False)
    yield nn.InstanceNorm1d(3)
    yield nn.Conv1d(1, 2, 3)
    yield nn.Conv2d(4, 6, (3, 5), stride=2, padding=(1, 2), dilation=2, groups=2, bias=False)
    yield nn.Conv2d(4, 4, 3, padding="same", padding_mode="reflect")
    yield nn.ConvTranspose1d(2, 3, 4, stride=2, output_padding=1)
    yield nn.MaxPool2d(2)
    yield nn.AvgPool1d(3, stride=2)
    yield nn.AdaptiveAvgPool2d((1, 1))
    yield nn.AdaptiveMaxPool1d(4)
    yield nn.InstanceNorm2d(3, affine=True, track_running_stats=True)
    yield nn.RReLU()
    yield nn.Hardshrink()
    yield nn.Softshrink(1.0)
    yield nn.Softmin(0)
    yield nn.PixelShuffle(2)
    yield nn.ELU(2.0, inplace=True)
    yield nn.Upsample(size=(4, 6), mode="bilinear")
    yield nn.Dropout(0.1)
    yield nn.Dropout2d(0.5, inplace=True)
    for activation in (nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.Tanh(), nn.Sigmoid(), nn.SiLU(), nn.Mish()):
        yield activation
    for activation in (nn.GELU(), nn.GELU("tanh"), nn.LeakyReLU(0.2), nn.ELU(), nn.CELU(0.5), nn.SELU()):
        yield activation
    for activation in (nn.Softplus(), nn.PReLU(), nn.PReLU(3), nn.Hardtanh(), nn.Hardswish(), nn.Hardsigmoid()):
        yield activation
    for activation in (nn.Softmax(-1), nn.LogSoftmax(1), nn.Softsign(), nn.Threshold(0.1, 20), nn.GLU(), nn.LogSigmoid()):
        yield activation
    for module in (nn.Identity(), nn.Flatten(), nn.Unflatten(1, (2, 3)), nn.Upsample(scale_factor=2)):
        yield module
    yield nn.ModuleList([nn.Linear(1, 2), nn.Linear(2, 3)])
    yield nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    yield nn.ModuleDict({"a": nn.Linear(1, 2), "b": nn.GRU(2, 2)})
    yield nn.Sequential()
    yield nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.LSTM(3, 3), nn.Linear(3, 1)))
    yield nn.MultiheadAttention(4, 2)
    yield nn.TransformerEncoderLayer(4, 2, 8)
    yield nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2)
    yield nn.TransformerDecoderLayer(4, 2, 8)


def dynamic(module):
    """The default spec; nothing where PyTorch refuses."""
    try:
        return quantization.quantize_dynamic(module)
    except (AssertionError, RuntimeError):
        return None


answers = []
for i, module in enumerate(modules()):
    root = nn.Sequential(module)  # a root is never replaced
    name = "%02d-%s" % (i, type(module).__name__)
    torch.save(root, str(folder / (name + ".pt")))
    answer = {"label": str(module).split("\n")[0], "file": name + ".pt", "print": str(root)}
    quantized = dynamic(root)
    if quantized is not None and getattr(module, "proj_size", 0) == 0:
        torch.save(quantized, str(folder / (name + ".quantized.pt")))
        answer.update({"quantized": str(quantized), "quantizedFile": name + ".quantized.pt"})
    answers.append(answer)
print(json.dumps(answers))

"""Saves models of PyTorch's own containers and layers, float and after quantize_dynamic, with what they compute.

Usage: python layer_models.py FOLDER ENGINE. Prints JSON: by model its inputs and outputs and both printed texts.
"""
import base64
import json
import os
import sys
import warnings

import torch
from torch import nn
from torch.ao.quantization import quantize_dynamic

warnings.simplefilter("ignore")
folder, engine = sys.argv[1:]
torch.backends.quantized.engine = engine
# The fused path of an encoder layer reads `linear1.weight.device`, which a quantized Linear has not; 1.13 cannot go without.
plain_encoder = hasattr(torch.backends, "mha")
if plain_encoder:
    torch.backends.mha.set_fastpath_enabled(False)
torch.manual_seed(3)
S, R, I = nn.Sequential, torch.randn, lambda high, *shape: torch.randint(0, high, shape)


def pack(tensor):
    kind = "int64" if tensor.dtype == torch.int64 else "float32"
    data = base64.b64encode(tensor.detach().contiguous().numpy().tobytes()).decode()
    return {"dtype": kind, "shape": list(tensor.shape), "data": data}


layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=True)
models = {
    "mlp with LayerNorm": (S(nn.Linear(8, 16), nn.LayerNorm(16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 4), nn.Softmax(-1)), R(5, 8)),
    "Conv1d": (S(nn.Conv1d(3, 8, 5, padding=2), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(8, 8, 3, groups=2), nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(32, 5)), R(2, 3, 20)),
    "Conv2d in nested Sequentials": (S(S(nn.Conv2d(3, 6, 3, stride=2), nn.GroupNorm(2, 6), nn.Hardswish()), S(nn.AvgPool2d(2), nn.Flatten(1)), S(nn.Linear(54, 20), nn.Tanh(), nn.Linear(20, 3))), R(2, 3, 15, 15)),
    "transformer encoder": (S(nn.Embedding(20, 16), nn.TransformerEncoder(layer, 2), nn.LayerNorm(16), nn.Linear(16, 7)), I(20, 2, 6)),
    "bag that sums": (S(nn.EmbeddingBag(30, 8, mode="sum"), nn.Linear(8, 4), nn.LogSoftmax(-1)), I(30, 3, 5)),
    "bag that averages": (S(nn.EmbeddingBag(30, 8), nn.Linear(8, 4)), I(30, 3, 5)),
    "activations": (S(nn.Linear(6, 6), nn.PReLU(), nn.Linear(6, 6), nn.ELU(), nn.Linear(6, 2), nn.Sigmoid()), R(4, 6)),
    "InstanceNorm": (S(nn.ConvTranspose2d(2, 4, 3, stride=2), nn.InstanceNorm2d(4, affine=True), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(324, 3)), R(1, 2, 4, 4)),
    "four deep": (S(S(S(S(nn.Linear(5, 5), nn.ReLU()), nn.Identity()), nn.Linear(5, 4)), nn.Unflatten(1, (2, 2)), nn.Linear(2, 3)), R(3, 5)),
    "PixelShuffle": (S(nn.Conv2d(1, 4, 3, padding=1), nn.PixelShuffle(2), nn.Upsample(scale_factor=2), nn.Flatten(), nn.Linear(256, 2)), R(1, 1, 4, 4)),
}
if hasattr(nn, "RMSNorm"):
    models["RMSNorm"] = (S(nn.Linear(8, 16, bias=False), nn.RMSNorm(16), nn.SiLU(), nn.Linear(16, 4)), R(5, 8))
if not plain_encoder:
    del models["transformer encoder"]
found = {}
for i, (name, (model, x)) in enumerate(models.items()):
    model.eval()
    quantized = quantize_dynamic(model)
    torch.save(model, os.path.join(folder, "%d.float.pt" % i))
    torch.save(quantized, os.path.join(folder, "%d.int8.pt" % i))
    with torch.no_grad():
        outputs = [pack(each(x)) for each in (model, quantized)]
    found[name] = {"file": str(i), "input": pack(x), "outputs": outputs, "printed": [repr(model), repr(quantized)]}
print(json.dumps(found))

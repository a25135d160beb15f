"""Saves whole modules of torch.nn with inputs and PyTorch's outputs, for ONNX exports, and some without an ONNX form.

Usage: make_modules.py FOLDER. For each NAME: NAME.pt by torch.save(model). Prints a JSON list of
{name, inputs: [[dtype, shape, values]], outputs: [[shape, values]]}.
"""
import json
import pathlib
import sys
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
folder = pathlib.Path(sys.argv[1])
torch.manual_seed(5)


def randomized(module):
    """Norms and running statistics that are not those of a new module."""
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if name.endswith("running_var"):
                value.copy_(torch.rand_like(value) + 0.5)
            elif value.is_floating_point() and value.dim() == 1:
                value.copy_(torch.randn_like(value) * 0.3 + (1 if name.endswith("weight") else 0))
    return module.eval()


x = torch.randn
words = torch.randint(0, 20, (3, 5))
activations = [
    nn.ReLU(), nn.ReLU6(), nn.Hardtanh(-0.5, 0.7), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.GELU("tanh"), nn.LeakyReLU(0.2),
    nn.ELU(1.3), nn.CELU(0.8), nn.SELU(), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.Hardsigmoid(), nn.LogSigmoid(),
    nn.Softsign(), nn.Tanhshrink(), nn.Hardshrink(0.3), nn.Softshrink(0.2), nn.Softplus(1.5), nn.Threshold(0.1, -2.0),
    nn.Softmax(-1), nn.LogSoftmax(1), nn.Softmin(0), nn.GLU(), nn.PReLU(), nn.Dropout(0.3), nn.Identity(),
]  # fmt: skip


def layer(**options):
    return nn.TransformerEncoderLayer(8, 2, 16, **options)


modules = {
    "mlp": (nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Dropout(0.1), nn.LayerNorm(9), nn.Linear(9, 4, bias=False)), [x(3, 6)]),
    "nested": (nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.Tanh()), nn.Sequential(nn.Linear(8, 8), nn.GELU()), nn.Linear(8, 2)), [x(3, 6)]),
    "words": (nn.Sequential(nn.Embedding(20, 6), nn.Flatten(), nn.Linear(30, 4)), [words]),
    "bag": (nn.Sequential(nn.EmbeddingBag(20, 6, mode="mean"), nn.Linear(6, 4)), [words]),
    "convolutions1d": (nn.Sequential(nn.Conv1d(3, 6, 3, padding=2, dilation=2), nn.BatchNorm1d(6), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(6, 4, 4, padding="same", groups=2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 2)), [x(2, 3, 17)]),
    "convolutions2d": (nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, padding_mode="reflect"), nn.BatchNorm2d(8), nn.SiLU(), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.GroupNorm(2, 8), nn.Conv2d(8, 8, 3, padding=(1, 0), groups=8), nn.InstanceNorm2d(8, affine=True), nn.AvgPool2d(2), nn.Flatten(1), nn.Linear(128, 5)), [x(2, 3, 32, 36)]),
    "circular": (nn.Sequential(nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular"), nn.Conv1d(3, 3, 3, padding=1, padding_mode="replicate")), [x(2, 2, 9)]),
    "transposed": (nn.Sequential(nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2), nn.PixelShuffle(2), nn.Upsample(scale_factor=2.0), nn.ZeroPad2d((1, 2, 0, 1)), nn.AdaptiveMaxPool2d(1)), [x(2, 2, 5, 6)]),
    "volume": (nn.Sequential(nn.Conv3d(1, 2, 3), nn.AvgPool3d(2, padding=1, count_include_pad=False), nn.BatchNorm3d(2), nn.Flatten(2, -2), nn.Unflatten(1, (1, -1))), [x(2, 1, 6, 7, 8)]),
    "activations": (nn.Sequential(nn.Linear(4, 12), *activations), [x(5, 4)]),
    "slopes": (nn.Sequential(nn.Conv1d(2, 4, 1), nn.PReLU(4), nn.GLU(1), nn.Softmax()), [x(3, 2, 5)]),
    "rms": (nn.Sequential(nn.Linear(4, 6), nn.RMSNorm(6), nn.RMSNorm(6, 1e-3, False), nn.LayerNorm(6, elementwise_affine=False)), [x(5, 4)]),
    "attention": (nn.MultiheadAttention(8, 2), [x(5, 3, 8), x(7, 3, 8), x(7, 3, 8)]),
    "cross_attention": (nn.MultiheadAttention(8, 4, kdim=6, vdim=5, batch_first=True, bias=False), [x(3, 5, 8), x(3, 7, 6), x(3, 7, 5)]),
    "encoder_layer": (layer(), [x(5, 3, 8)]),
    "encoder": (nn.TransformerEncoder(layer(batch_first=True, norm_first=True, activation="gelu"), 2, nn.LayerNorm(8)), [x(3, 5, 8)]),
    "encoder_model": (nn.Sequential(nn.Linear(4, 8), nn.TransformerEncoder(layer(batch_first=True), 2), nn.Linear(8, 3)), [x(3, 5, 4)]),
    "decoder": (nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2), [x(3, 5, 8), x(3, 7, 8)]),
    "transformer": (nn.Transformer(8, 2, 1, 1, 16), [x(5, 3, 8), x(7, 3, 8)]),
    "lstm": (nn.LSTM(5, 6, 2, bidirectional=True, batch_first=True), [x(3, 7, 5), x(4, 3, 6), x(4, 3, 6)]),
    "gru": (nn.GRU(5, 6, 2, bidirectional=True), [x(7, 3, 5), x(4, 3, 6)]),
    "rnn": (nn.RNN(5, 6, 2, nonlinearity="relu", bias=False), [x(7, 3, 5), x(2, 3, 6)]),
    "tagger": (nn.Sequential(nn.Embedding(20, 6), nn.LSTM(6, 4, bidirectional=True, batch_first=True)), [words]),
    "gru_last": (nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.GRU(6, 4, batch_first=True)), [x(3, 7, 5)]),
    "lstm_cell": (nn.LSTMCell(5, 6), [x(3, 5), x(3, 6), x(3, 6)]),
    "gru_cell": (nn.GRUCell(5, 6), [x(3, 5), x(3, 6)]),
    "rnn_cell": (nn.RNNCell(5, 6), [x(3, 5), x(3, 6)]),
}

refused = {
    "proj": nn.LSTM(4, 6, proj_size=3),
    "biased_keys": nn.Sequential(nn.Linear(4, 8), nn.MultiheadAttention(8, 2, add_bias_kv=True)),
    "adaptive": nn.Sequential(nn.Conv1d(2, 2, 1), nn.AdaptiveAvgPool1d(3)),
    "ceiling": nn.Sequential(nn.Conv1d(2, 2, 1), nn.AvgPool1d(2, ceil_mode=True)),
    "max_norm": nn.Sequential(nn.Embedding(20, 6, max_norm=1.0)),
    "list": nn.ModuleList([nn.Linear(4, 4)]),
    "tuple": nn.Sequential(nn.LSTM(4, 4), nn.Linear(4, 2)),
    "unknown": nn.Sequential(nn.Linear(4, 4), nn.LocalResponseNorm(2)),
    "bilinear": nn.Sequential(nn.Linear(4, 4), nn.CosineSimilarity()),
    "nothing": nn.Sequential(nn.ReLU()),
}
for name, module in refused.items():
    torch.save(module, folder / (name + ".pt"))


def flat(value):
    return [value] if isinstance(value, torch.Tensor) else [tensor for part in value for tensor in flat(part)]


made = []
for name, (module, inputs) in modules.items():
    torch.save(randomized(module), folder / (name + ".pt"))
    states = inputs[1:]
    if isinstance(module, (nn.LSTM, nn.LSTMCell)):
        given = [inputs[0], tuple(states)]
    else:
        given = inputs
    with torch.no_grad():
        outputs = flat(module(*given))
    made.append({
        "name": name,
        "inputs": [[str(t.dtype)[6:], list(t.shape), t.flatten().tolist()] for t in inputs],
        "outputs": [[list(t.shape), t.flatten().tolist()] for t in outputs],
    })  # fmt: skip
print(json.dumps(made))

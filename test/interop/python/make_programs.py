"""Makes TorchScript archives of many model families, with their inputs and outputs.

    python make_programs.py FOLDER [--only NAME]

For each case NAME.KIND.pt (KIND: trace or script) with NAME.KIND.npz beside it: input.N, the
structure of the arguments as JSON in arguments.json, float.N, and ENGINE.N for each engine whose
quantize_dynamic takes the model (run by PyTorch in eager mode). Families of transformers and
torchvision are made where those packages are installed; weights are random and models tiny.
"""
import argparse
import json
import os
import sys
import warnings

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
register_fake = torch.library.register_fake


def register_known(name, *args, **kwargs):
    """A torchvision that was built for another torch brings none of its own operators; its models need none."""
    decorate = register_fake(name, *args, **kwargs)

    def attempt(function):
        try:
            return decorate(function)
        except RuntimeError:
            return function

    return attempt


torch.library.register_fake = register_known
CASES = {}


def case(name, kinds=("trace",)):
    def register(build):
        CASES[name] = (build, kinds)
        return build

    return register


def seeded(*shape):
    return torch.randn(*shape)


def ids(high, *shape):
    return torch.randint(0, high, shape)


# --- plain modules -------------------------------------------------------------------------------
@case("mlp", ("trace", "script"))
def mlp():
    return nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 4)), (seeded(3, 10),)


class WordLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Embedding(50, 16)
        self.drop = nn.Dropout(0.5)
        self.rnn = nn.LSTM(16, 16, 2)
        self.decoder = nn.Linear(16, 50)
        self.decoder.weight = self.encoder.weight

    def forward(self, x, h, c):
        y, (h, c) = self.rnn(self.drop(self.encoder(x)), (h, c))
        return F.log_softmax(self.decoder(self.drop(y)), dim=-1), h, c


@case("word_lm_tied", ("trace", "script"))
def word_lm():
    return WordLM(), (ids(50, 7, 2), seeded(2, 2, 16), seeded(2, 2, 16))


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(40, 12)
        self.gru = nn.GRU(12, 10, bidirectional=True, batch_first=True)
        self.norm = nn.LayerNorm(20)
        self.out = nn.Linear(20, 5)

    def forward(self, x):
        y, h = self.gru(self.embedding(x))
        return self.out(self.norm(y)), h


@case("gru_tagger", ("trace", "script"))
def tagger():
    return Tagger(), (ids(40, 3, 6),)


class CharRnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = 12
        self.i2h = nn.Linear(8 + 12, 12)
        self.i2o = nn.Linear(8 + 12, 4)

    def forward(self, line):
        h = torch.zeros(1, self.hidden)
        o = torch.zeros(1, 4)
        for i in range(line.size(0)):
            joined = torch.cat((line[i], h), 1)
            h = torch.tanh(self.i2h(joined))
            o = F.log_softmax(self.i2o(joined), dim=1)
        return o, h


@case("char_rnn", ("trace", "script"))
def char_rnn():
    return CharRnn(), (seeded(5, 1, 8),)


class Generate(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.cell = nn.GRUCell(6, 6)
        self.out = nn.Linear(6, 9)

    def forward(self, start):
        h = torch.zeros(1, 6)
        token = start
        n = 0
        result = []
        while n < 12:
            h = self.cell(self.embed(token), h)
            logits = self.out(h)
            result.append(logits)
            token = logits.argmax(dim=-1)
            if token.item() == 0:
                break
            n += 1
        return torch.cat(result, 0)


@case("generator", ("script",))
def generator():
    return Generate(), (ids(9, 1),)


class Attention(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.Wa = nn.Linear(size, size)
        self.Ua = nn.Linear(size, size)
        self.Va = nn.Linear(size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 10)
        self.encoder = nn.GRU(10, 10, batch_first=True)
        self.decoder = nn.GRU(20, 10, batch_first=True)
        self.attention = Attention(10)
        self.out = nn.Linear(10, 20)

    def forward(self, source, target):
        keys, hidden = self.encoder(self.embed(source))
        token = torch.zeros(source.size(0), 1, dtype=torch.long)
        outputs = []
        for i in range(target.size(1)):
            context, _ = self.attention(hidden.permute(1, 0, 2), keys)
            y, hidden = self.decoder(torch.cat((self.embed(token), context), dim=2), hidden)
            outputs.append(self.out(y))
            token = target[:, i].unsqueeze(1)
        return F.log_softmax(torch.cat(outputs, dim=1), dim=-1), hidden


@case("seq2seq_attention", ("trace", "script"))
def seq2seq():
    return Seq2Seq(), (ids(20, 2, 6), ids(20, 2, 4))


class TextCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 8)
        self.convs = nn.ModuleList([nn.Conv1d(8, 6, k) for k in (2, 3, 4)])
        self.fc = nn.Linear(18, 3)

    def forward(self, x):
        x = self.embed(x).transpose(1, 2)
        pooled = [F.relu(conv(x)).max(dim=2)[0] for conv in self.convs]
        return self.fc(torch.cat(pooled, 1))


@case("text_cnn", ("trace", "script"))
def text_cnn():
    return TextCnn(), (ids(30, 2, 9),)


class Block(nn.Module):
    def __init__(self, size, heads, length):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(size, 3 * size)
        self.proj = nn.Linear(size, size)
        self.ln1 = nn.LayerNorm(size)
        self.ln2 = nn.LayerNorm(size)
        self.fc = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))
        self.register_buffer("mask", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.qkv(self.ln1(x)).split(C, dim=2)
        q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / (k.size(-1) ** 0.5))
        att = att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        y = (F.softmax(att, dim=-1) @ v).transpose(1, 2).contiguous().view(B, T, C)
        x = x + self.proj(y)
        return x + self.fc(self.ln2(x))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(33, 16)
        self.pos = nn.Embedding(12, 16)
        self.blocks = nn.ModuleList([Block(16, 4, 12) for _ in range(2)])
        self.head = nn.Linear(16, 33, bias=False)

    def forward(self, idx):
        b, t = idx.shape
        x = self.tok(idx) + self.pos(torch.arange(0, t, dtype=torch.long))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


@case("gpt", ("trace", "script"))
def gpt():
    return Gpt(), (ids(33, 2, 9),)


class Positional(nn.Module):
    def __init__(self, size, length=40):
        super().__init__()
        position = torch.arange(length).unsqueeze(1)
        div = torch.exp(torch.arange(0, size, 2) * (-np.log(10000.0) / size))
        pe = torch.zeros(length, 1, size)
        pe[:, 0, 0::2] = torch.sin(position * div)
        pe[:, 0, 1::2] = torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(0)]


class TutorialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.pos = Positional(16)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 2)
        self.embedding = nn.Embedding(25, 16)
        self.linear = nn.Linear(16, 25)

    def forward(self, src, mask):
        x = self.embedding(src) * 4.0
        return self.linear(self.encoder(self.pos(x), mask))


@case("tutorial_transformer", ("trace", "script"))
def tutorial_transformer():
    mask = nn.Transformer.generate_square_subsequent_mask(7)
    return TutorialTransformer(), (ids(25, 7, 2), mask)


for pre in (False, True):

    def encoder(pre=pre):
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, norm_first=pre, activation="gelu")
        return nn.TransformerEncoder(layer, 2), (seeded(2, 5, 16),)

    case("encoder_%s" % ("pre" if pre else "post"), ("trace", "script"))(encoder)


class Padded(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2)

    def forward(self, x, padding):
        return self.enc(x, src_key_padding_mask=padding)


@case("encoder_padding", ("trace", "script"))
def encoder_padding():
    mask = torch.zeros(2, 5, dtype=torch.bool)
    mask[1, 3:] = True
    return Padded(), (seeded(2, 5, 16), mask)


class FullTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.Transformer(16, 4, 1, 2, 32)

    def forward(self, src, tgt, mask):
        return self.t(src, tgt, tgt_mask=mask)


@case("nn_transformer", ("trace", "script"))
def nn_transformer():
    return FullTransformer(), (seeded(6, 2, 16), seeded(4, 2, 16), nn.Transformer.generate_square_subsequent_mask(4))


class Mha(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x, y):
        out, weights = self.a(x, y, y, need_weights=True)
        return out, weights


@case("multihead_attention", ("trace", "script"))
def mha():
    return Mha(), (seeded(2, 5, 16), seeded(2, 7, 16))


class MhaSelf(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x):
        out, weights = self.a(x, x, x)
        return out, weights


@case("multihead_self", ("trace", "script"))
def mha_self():
    return MhaSelf(), (seeded(2, 5, 16),)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        block = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))
        self.down1, self.down2 = block(1, 4), block(4, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.up2 = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.last = block(16, 4)
        self.out = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = F.pad(self.up(b), [0, 0, 0, 0])
        return self.out(self.last(torch.cat([a, c, self.up2(b)], dim=1)))


@case("unet", ("trace", "script"))
def unet():
    return UNet(), (seeded(2, 1, 12, 12),)


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.mu, self.logvar = nn.Linear(20, 12), nn.Linear(12, 4), nn.Linear(12, 4)
        self.fc3, self.fc4 = nn.Linear(4, 12), nn.Linear(12, 20)

    def forward(self, x):
        h = F.relu(self.fc1(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu if not self.training else mu + torch.exp(0.5 * logvar)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


@case("vae", ("trace", "script"))
def vae():
    return Vae(), (seeded(3, 20),)


@case("dcgan_generator", ("trace", "script"))
def dcgan():
    return nn.Sequential(
        nn.ConvTranspose2d(8, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16), nn.ReLU(True),
        nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.InstanceNorm2d(8, affine=True), nn.LeakyReLU(0.2, True),
        nn.ConvTranspose2d(8, 3, 3, 2, 1, output_padding=1), nn.Tanh()), (seeded(2, 8, 1, 1),)


class Tcn(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 8, 3, padding=2, dilation=1)), nn.ReLU(),
            nn.Conv1d(8, 8, 3, padding=4, dilation=2, groups=2), nn.ELU())

    def forward(self, x):
        return self.net(x)[:, :, :-6]


@case("tcn")
def tcn():
    return Tcn(), (seeded(2, 4, 10),)


class PackedLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 8, bidirectional=True, batch_first=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, (h, c) = self.lstm(packed)
        out, sizes = nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        return out, sizes, h, c


@case("packed_lstm", ("script", "trace"))
def packed_lstm():
    return PackedLstm(), (seeded(3, 7, 6), torch.tensor([4, 7, 5]))


class Viterbi(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.Parameter(torch.randn(4, 4))

    def forward(self, emissions):
        score = emissions[0]
        back = []
        for i in range(1, emissions.size(0)):
            best, index = torch.max(score.unsqueeze(1) + self.t, dim=0)
            score = best + emissions[i]
            back.append(index)
        tag = int(score.argmax())
        path = [tag]
        for index in back[::-1]:
            tag = int(index[tag])
            path.append(tag)
        return torch.tensor(path[::-1]), score


@case("viterbi", ("script",))
def viterbi():
    return Viterbi(), (seeded(6, 4),)


class Aliasing(nn.Module):
    def __init__(self):
        super().__init__()
        self.n = 0
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, x):
        self.n += 1
        y = x.clone()
        z = y.view(-1)
        z[2:5] += 10
        y[0, 1:] = 5
        w = y.t()
        w.mul_(2)
        v = w.reshape(-1)
        v.add_(1)
        self.steps += 1
        r = {"a": y, "b": z}
        return r["a"], r["b"], w, v, torch.tensor(self.n)


@case("aliasing", ("script",))
def aliasing():
    return Aliasing(), (seeded(3, 4),)


class LstmCells(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.LSTMCell(5, 6), nn.GRUCell(6, 6), nn.RNNCell(6, 4)

    def forward(self, x):
        h, c = self.a(x)
        g = self.b(h, h)
        return self.c(g), c


@case("cells", ("trace", "script"))
def cells():
    return LstmCells(), (seeded(3, 5),)


@case("rnn_tanh")
def rnn():
    return nn.RNN(5, 6, 2, bidirectional=True), (seeded(4, 2, 5),)


class Many(nn.Module):
    """Operators that user code likes."""

    def forward(self, x, i):
        a = torch.einsum("bij,bkj->bik", x, x)
        b = torch.stack([x, x * 2], 1).flatten(2)
        c = F.one_hot(i, 5).float() @ torch.ones(5, 2)
        d = x.std(-1), x.var(1, unbiased=False), x.norm(dim=-1), x.prod(-1), x.logsumexp(-1)
        e = torch.where(x > 0, x, torch.zeros_like(x)).cumsum(1)
        f = x.gather(2, i.unsqueeze(-1).unsqueeze(1).expand(2, 3, 4) % 4) if False else x.flip(-1)
        g = F.softplus(x) + F.mish(x) + F.selu(x) + F.celu(x) + F.elu(x)
        top = x.topk(2, -1)
        s, order = x.sort(-1, descending=True)
        m = torch.roll(x, 1, -1) + x.tril() if False else torch.roll(x, 1, -1)
        u = F.unfold if False else x.unfold(1, 2, 1)
        return a, b, c, d[0], d[1], d[2], d[3], d[4], e, f, g, top[0], top[1], s, order, m, u, x.repeat_interleave(2, 1), x.clamp(-0.5, 0.5), torch.linspace(0.0, 1.0, 5), x.round(), x.floor() // 2, x % 0.7, torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")[0]


@case("many_operators", ("trace",))
def many():
    return Many(), (seeded(2, 3, 4), ids(5, 2))


class Vision(nn.Module):
    def forward(self, x):
        return (F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), F.max_pool2d(x, 3, 2, 1, ceil_mode=True), F.adaptive_max_pool2d(x, 3), F.adaptive_avg_pool2d(x, (None, 2)), F.interpolate(x, scale_factor=1.7, mode="bilinear"), F.interpolate(x, size=(5, 9), mode="bicubic"), F.pad(x, (1, 2, 0, 1), mode="reflect"), F.pixel_shuffle(x, 2), F.group_norm(x, 2), F.interpolate(x, size=(3, 5), mode="nearest"), F.conv2d(x, torch.ones(4, 1, 3, 3), groups=4, padding="same"))


@case("vision_operators")
def vision():
    return Vision(), (seeded(2, 4, 7, 8),)


@case("conv3d")
def conv3d():
    return nn.Sequential(nn.Conv3d(2, 3, (2, 3, 3), stride=(1, 2, 1)), nn.BatchNorm3d(3), nn.MaxPool3d(2)), (seeded(1, 2, 5, 8, 8),)


@case("embedding_bag", ("trace", "script"))
def embedding_bag():
    return nn.EmbeddingBag(20, 6, mode="mean"), (ids(20, 10), torch.tensor([0, 3, 7]))


class QuantizedMlp:
    pass


@case("quantized_mlp", ("trace", "script"))
def quantized_mlp():
    torch.backends.quantized.engine = "fbgemm"
    model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 4)).eval()
    return torch.ao.quantization.quantize_dynamic(model), (seeded(3, 10),)


# --- transformers --------------------------------------------------------------------------------
class First(nn.Module):
    """The tensors of a model's first outputs."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        out = self.model(**dict(zip(self.names, inputs)), return_dict=True)
        first = out[0] if "logits" not in out else out["logits"]
        return first


def transformers_cases():
    try:
        import transformers as T
    except ImportError:
        return
    small = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=60, max_position_embeddings=40)
    text = lambda: (ids(60, 2, 7), torch.tensor([[1] * 7, [1] * 5 + [0] * 2]))
    names = ("input_ids", "attention_mask")

    def add(name, cls, config, inputs=text, keys=names, attns=("eager", "sdpa")):
        for attn in attns:

            def build(cls=cls, config=config, inputs=inputs, keys=keys, attn=attn):
                cfg = config()
                cfg._attn_implementation = attn
                if hasattr(cfg, "use_cache"):
                    cfg.use_cache = False
                return First(cls(cfg), keys), inputs()

            case("%s_%s" % (name, attn))(build)

    add("bert", T.BertModel, lambda: T.BertConfig(**small))
    add("roberta", T.RobertaModel, lambda: T.RobertaConfig(**small))
    add("electra", T.ElectraModel, lambda: T.ElectraConfig(embedding_size=8, **small))
    add("albert", T.AlbertModel, lambda: T.AlbertConfig(embedding_size=8, **small))
    add("distilbert", T.DistilBertModel, lambda: T.DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=32, vocab_size=60, max_position_embeddings=40))
    add("deberta_v2", T.DebertaV2Model, lambda: T.DebertaV2Config(relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=8, **small), attns=("eager",))
    add("gpt2", T.GPT2LMHeadModel, lambda: T.GPT2Config(vocab_size=60, n_positions=40, n_embd=16, n_layer=2, n_head=2))
    decoder = dict(small, num_key_value_heads=1)
    add("llama", T.LlamaForCausalLM, lambda: T.LlamaConfig(**decoder))
    add("mistral", T.MistralForCausalLM, lambda: T.MistralConfig(**decoder))
    add("qwen2", T.Qwen2ForCausalLM, lambda: T.Qwen2Config(**decoder))
    add("gemma", T.GemmaForCausalLM, lambda: T.GemmaConfig(head_dim=8, **decoder))
    add("gpt_neox", T.GPTNeoXForCausalLM, lambda: T.GPTNeoXConfig(**small))
    add("opt", T.OPTForCausalLM, lambda: T.OPTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32, vocab_size=60, max_position_embeddings=40, word_embed_proj_dim=16))
    seq = lambda: (ids(60, 2, 7), ids(60, 2, 5))
    add("t5", T.T5ForConditionalGeneration, lambda: T.T5Config(vocab_size=60, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2), seq, ("input_ids", "decoder_input_ids"), ("eager",))
    add("bart", T.BartForConditionalGeneration, lambda: T.BartConfig(vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=40), seq, ("input_ids", "decoder_input_ids"))
    add("vit", T.ViTModel, lambda: T.ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=16, patch_size=4), lambda: (seeded(1, 3, 16, 16),), ("pixel_values",))
    add("swin", T.SwinModel, lambda: T.SwinConfig(image_size=32, patch_size=2, embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=4), lambda: (seeded(1, 3, 32, 32),), ("pixel_values",), ("eager",))
    add("convnext", T.ConvNextModel, lambda: T.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2), lambda: (seeded(1, 3, 32, 32),), ("pixel_values",), ("eager",))
    add("wav2vec2", T.Wav2Vec2Model, lambda: T.Wav2Vec2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(8, 8), conv_stride=(5, 2), conv_kernel=(10, 3), num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, vocab_size=32), lambda: (seeded(1, 400),), ("input_values",))
    add("whisper_encoder", lambda cfg: T.WhisperModel(cfg).encoder, lambda: T.WhisperConfig(d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_source_positions=20, num_mel_bins=8, vocab_size=60, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1), lambda: (seeded(1, 8, 40),), ("input_features",))
    add("clip_text", T.CLIPTextModel, lambda: T.CLIPTextConfig(**small), lambda: (ids(60, 2, 7),), ("input_ids",))


# --- torchvision ---------------------------------------------------------------------------------
def torchvision_cases():
    try:
        import torchvision.models as M
    except ImportError:
        return
    image = lambda size: (lambda: (seeded(1, 3, size, size),))
    models = dict(
        resnet18=(lambda: M.resnet18(num_classes=10), 64), mobilenet_v2=(lambda: M.mobilenet_v2(num_classes=10), 64),
        mobilenet_v3_small=(lambda: M.mobilenet_v3_small(num_classes=10), 64), efficientnet_b0=(lambda: M.efficientnet_b0(num_classes=10), 64),
        squeezenet=(lambda: M.squeezenet1_1(num_classes=10), 64), shufflenet=(lambda: M.shufflenet_v2_x0_5(num_classes=10), 64),
        mnasnet=(lambda: M.mnasnet0_5(num_classes=10), 64), regnet=(lambda: M.regnet_y_400mf(num_classes=10), 64),
        densenet=(lambda: M.DenseNet(8, (2, 2), 16, num_classes=10), 64), convnext=(lambda: M.convnext.ConvNeXt([M.convnext.CNBlockConfig(16, 32, 1), M.convnext.CNBlockConfig(32, None, 1)], num_classes=10), 32),
        googlenet=(lambda: M.googlenet(num_classes=10, aux_logits=False, init_weights=False), 64),
        vit=(lambda: M.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=10), 32),
        swin=(lambda: M.swin_transformer.SwinTransformer([4, 4], 24, [1, 1], [2, 4], [4, 4], num_classes=10), 64),
        lraspp=(lambda: Out(M.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=4)), 64),
    )
    for name, (build, size) in models.items():
        case("tv_" + name, ("trace", "script"))(lambda build=build, size=size: (build(), image(size)()))


class Out(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)["out"]


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [t for one in value for t in tensors(one)]
    return []


ENGINES = ("fbgemm", "onednn", "qnnpack")


# Padded rows are 0 where the fused path of the archive runs; PyTorch's quantized model has no such path.
FLOAT_ONLY = ("quantized_mlp", "encoder_padding")


def quantized(model, inputs):
    """The outputs of the model after quantize_dynamic, by engine; a model that PyTorch cannot run so has none."""
    # The fused path of encoder layers asks for float weights.
    torch.backends.mha.set_fastpath_enabled(False)
    results = {}
    try:
        for engine in ENGINES:
            torch.backends.quantized.engine = engine
            twin = torch.ao.quantization.quantize_dynamic(model)
            if not any(type(one).__module__.startswith("torch.ao.nn.quantized") for one in twin.modules()):
                break
            for i, out in enumerate(tensors(twin(*[x.clone() for x in inputs]))):
                results["%s.%d" % (engine, i)] = out.detach().numpy()
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
        torch.backends.quantized.engine = "fbgemm"
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    transformers_cases()
    torchvision_cases()
    made, failed, unquantized = 0, [], {}
    for name, (build, kinds) in CASES.items():
        if not name.startswith(args.only):
            continue
        int8 = None
        for kind in kinds:
            try:
                torch.manual_seed(sum(map(ord, name)))
                model, inputs = build()
                model.eval()
                path = os.path.join(args.folder, "%s.%s" % (name, kind))
                with torch.no_grad():
                    module = torch.jit.trace(model, inputs, strict=False, check_trace=False) if kind == "trace" else torch.jit.script(model)
                    torch.jit.save(module, path + ".pt")
                    outputs = tensors(torch.jit.load(path + ".pt")(*[x.clone() for x in inputs]))
                # The same weights and inputs whatever the kind: once is enough.
                if int8 is None:
                    int8 = {}
                    try:
                        with torch.no_grad():
                            int8 = {} if name in FLOAT_ONLY else quantized(model, inputs)
                    except Exception as error:
                        unquantized[name] = str(error).split("\n")[0][:160]
                arrays = {"input.%d" % i: x.numpy() for i, x in enumerate(inputs)}
                arrays.update({"float.%d" % i: x.numpy() for i, x in enumerate(outputs)})
                arrays.update(int8)
                arrays = {k: v.astype(np.int64) if v.dtype == bool and not k.startswith("input") else v for k, v in arrays.items()}
                arrays = {k: v.astype(np.float32) if v.dtype == np.float64 else v for k, v in arrays.items()}
                np.savez(path + ".npz", **{name: np.array(a, order="C") for name, a in arrays.items()})
                made += 1
            except Exception as error:
                failed.append("%s.%s: %s" % (name, kind, str(error).split("\n")[0][:160]))
    print(json.dumps({"made": made, "failed": failed, "unquantized": unquantized, "torch": torch.__version__}, indent=1))


if __name__ == "__main__":
    sys.exit(main())

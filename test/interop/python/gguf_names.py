"""Prints names of tensors of language models by gguf-py's constants, and names that none of them has, as JSON."""
import json
import re

from gguf.constants import TENSOR_NAMES

# Of pictures and sound, which no state dict of a language model has.
OTHER = re.compile(r"^(a|v|mm|resampler|posnet|convnext)\.|vis_")
known = sorted({name.replace("{bid}", "7") for name in TENSOR_NAMES.values() if not OTHER.search(name)})
loose = ["blk.attn_q.weight", "blk.x.attn_q.weight", "blk.0.attn", "output.scale", "lm_head.weight", "model.token_embd.weight"]
print(json.dumps({"known": [name + end for name in known for end in ("", ".weight", ".bias")], "loose": loose}))

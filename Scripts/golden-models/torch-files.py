"""The tiny MarianMT model of marian.py as PyTorch itself saves it, for the tests of reading (torch 2.15.0; no seed).

    python Scripts/golden-models/torch-files.py Tests/InterchangeTests/Resources

Reads marian.json there and writes torch.bin (a zip file, since torch 1.6) and torch-old.bin (one pickle after the other).
Both hold what such files may: names that share a storage, a tensor that is a part of another's storage, one that is
stored transposed; torch.bin holds half precision and bfloat16 too, and a pickle protocol of its own; torch-old.bin is of
parameters in an ordered dictionary with versions beside. evil.bin wants to call a function.
"""
import json, math, os, sys
from collections import OrderedDict
import torch

OUT = sys.argv[1]
golden = json.load(open(os.path.join(OUT, "marian.json")))
state = OrderedDict()
for p, tensor in enumerate(golden["tensors"]):
    name, shape = tensor["name"], tensor["shape"]
    values = torch.tensor([0.35 * math.sin(0.7 * i + 1.3 * p) for i in range(math.prod(shape))]).reshape(shape)
    if name.endswith("layer_norm.weight"): values += 1
    if name == "model.shared.weight": values[golden["pad"]] = 0
    if name == "final_logits_bias": values[0, golden["pad"]] = -100
    state[name] = values
for name in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"):
    state[name] = state["model.shared.weight"]
layer = "model.encoder.layers.0.self_attn."
state[layer + "q_proj.weight"] = state[layer + "q_proj.weight"].t().contiguous().t()
both = torch.cat([state[layer + "k_proj.weight"], state[layer + "v_proj.weight"]])
state[layer + "k_proj.weight"], state[layer + "v_proj.weight"] = both[:16], both[16:]

old = OrderedDict((name, torch.nn.Parameter(values)) for name, values in state.items())
old._metadata = OrderedDict([("", {"version": 1})])
torch.save(old, os.path.join(OUT, "torch-old.bin"), _use_new_zipfile_serialization=False)
for name in state:
    if name.endswith("fc1.weight"): state[name] = state[name].half()
    if name.endswith("fc2.weight"): state[name] = state[name].bfloat16()
torch.save(dict(state), os.path.join(OUT, "torch.bin"), pickle_protocol=4)


class Evil:
    def __reduce__(self): return os.system, ("echo evil",)


torch.save({"weight": Evil()}, os.path.join(OUT, "evil.bin"))

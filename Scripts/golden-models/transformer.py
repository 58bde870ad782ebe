"""Numbers for TransformerGoldenTests, made with PyTorch (2.x, float64) independently of this project's code.

    python Scripts/golden-models/transformer.py > Tests/Seq2SeqTests/Resources/transformer.json

Parameters are filled by a formula (value i of the p-th parameter is 0.3*sin(0.7 i + 1.3 p), layer-norm scales one more),
so no random numbers are involved. Holds the loss, the log-probability of every target token and all gradients.
"""
import json, math
import torch
import torch.nn.functional as F

V, D, FF, H, ENC, DEC, EPS, SMOOTH = 11, 12, 10, 3, 2, 2, 1e-5, 0.1
SOURCE = [[3, 5, 2, 0], [7, 0], [4, 4, 8, 6, 3, 0]]
TARGET = [[2, 6, 0], [9, 3, 5, 2, 0], [8, 0]]

shapes = [("embeddings", V, D), ("output.bias", 1, V)]
def attention_shapes(name, cross):
    if cross:
        return [(f"{name}.query.weight", D, D), (f"{name}.query.bias", 1, D),
                (f"{name}.key_value.weight", D, 2 * D), (f"{name}.key_value.bias", 1, 2 * D),
                (f"{name}.output.weight", D, D), (f"{name}.output.bias", 1, D)]
    return [(f"{name}.qkv.weight", D, 3 * D), (f"{name}.qkv.bias", 1, 3 * D),
            (f"{name}.output.weight", D, D), (f"{name}.output.bias", 1, D)]
def norm_shapes(name):
    return [(f"{name}.scale", 1, D), (f"{name}.bias", 1, D)]
def feed_forward_shapes(name):
    return [(f"{name}.input.weight", D, FF), (f"{name}.input.bias", 1, FF),
            (f"{name}.output.weight", FF, D), (f"{name}.output.bias", 1, D)]
for side, layers in (("encoder", ENC), ("decoder", DEC)):
    for n in range(layers):
        p = f"{side}.layers.{n}"
        shapes += attention_shapes(f"{p}.self_attention", False) + norm_shapes(f"{p}.self_attention_norm")
        if side == "decoder":
            shapes += attention_shapes(f"{p}.cross_attention", True) + norm_shapes(f"{p}.cross_attention_norm")
        shapes += feed_forward_shapes(f"{p}.feed_forward") + norm_shapes(f"{p}.feed_forward_norm")

P = {}
for p, (name, rows, columns) in enumerate(shapes):
    base = 1.0 if name.endswith(".scale") else 0.0
    values = [base + 0.3 * math.sin(0.7 * i + 1.3 * p) for i in range(rows * columns)]
    # The program keeps parameters in float32.
    P[name] = torch.tensor(values, dtype=torch.float32).double().reshape(rows, columns).requires_grad_(True)

def linear(x, name):
    return x @ P[f"{name}.weight"] + P[f"{name}.bias"][0]
def norm(x, name):
    return F.layer_norm(x, (D,), P[f"{name}.scale"][0], P[f"{name}.bias"][0], EPS)
def positions(length):
    rates = torch.tensor([10000 ** (-2 * i / D) for i in range(D // 2)], dtype=torch.float64)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)
def attend(q, k, v, mask):
    heads = []
    size = D // H
    for h in range(H):
        s = slice(h * size, (h + 1) * size)
        scores = q[:, s] @ k[:, s].T / math.sqrt(size)
        if mask is not None:
            scores = scores.masked_fill(mask, float("-inf"))
        heads.append(scores.softmax(-1) @ v[:, s])
    return torch.cat(heads, 1)
def self_attention(x, name, mask=None):
    q, k, v = linear(x, f"{name}.qkv").split(D, 1)
    return linear(attend(q, k, v, mask), f"{name}.output")
def cross_attention(x, memory, name):
    k, v = linear(memory, f"{name}.key_value").split(D, 1)
    return linear(attend(linear(x, f"{name}.query"), k, v, None), f"{name}.output")
def feed_forward(x, name):
    return linear(F.silu(linear(x, f"{name}.input")), f"{name}.output")

E = P["embeddings"]
loss, log_probabilities = 0.0, []
for source, target in zip(SOURCE, TARGET):
    x = E[torch.tensor(source)] * math.sqrt(D) + positions(len(source))
    for n in range(ENC):
        p = f"encoder.layers.{n}"
        x = norm(x + self_attention(x, f"{p}.self_attention"), f"{p}.self_attention_norm")
        x = norm(x + feed_forward(x, f"{p}.feed_forward"), f"{p}.feed_forward_norm")
    memory = x
    y = torch.cat([torch.zeros(1, D, dtype=torch.float64), E[torch.tensor(target[:-1])] * math.sqrt(D)])
    y = y + positions(len(target))
    mask = torch.triu(torch.ones(len(target), len(target), dtype=torch.bool), 1)
    for n in range(DEC):
        p = f"decoder.layers.{n}"
        y = norm(y + self_attention(y, f"{p}.self_attention", mask), f"{p}.self_attention_norm")
        y = norm(y + cross_attention(y, memory, f"{p}.cross_attention"), f"{p}.cross_attention_norm")
        y = norm(y + feed_forward(y, f"{p}.feed_forward"), f"{p}.feed_forward_norm")
    logits = y @ E.T + P["output.bias"][0]
    labels = torch.tensor(target)
    loss = loss + F.cross_entropy(logits, labels, label_smoothing=SMOOTH, reduction="sum")
    log_probabilities += logits.log_softmax(-1)[torch.arange(len(target)), labels].tolist()
loss.backward()
print(json.dumps({
    "generator": f"Scripts/golden-models/transformer.py, PyTorch {torch.__version__}, float64, no seed",
    "loss": loss.item(),
    "log_probabilities": [round(x, 9) for x in log_probabilities],
    "gradients": {name: [float(f"{g:.7g}") for g in P[name].grad.flatten().tolist()] for name, _, _ in shapes},
}, separators=(",", ":")))

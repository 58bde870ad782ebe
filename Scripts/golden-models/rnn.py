"""Numbers for the attention-RNN's golden tests, made with PyTorch (2.x, float64) independently of this project's code.

    python Scripts/golden-models/rnn.py gru > Tests/Seq2SeqTests/Resources/rnn-gru.json
    python Scripts/golden-models/rnn.py lstm > Tests/Seq2SeqTests/Resources/rnn-lstm.json

gru: additive attention, two bidirectional encoder layers, two decoder layers, residuals, target embeddings tied.
lstm: scaled-dot attention, one encoder layer, one decoder layer, nothing tied.
The cells are PyTorch's own (gru_cell, lstm_cell), one sentence and one step at a time.
Parameters are filled by a formula (value i of the p-th parameter is 0.3*sin(0.7 i + 1.3 p)), so no random numbers are
involved. Holds the loss, the log-probability of every target token and all gradients.
"""
import json, math, sys
import torch
import torch.nn.functional as F

KIND = sys.argv[1]
GRU = {"gru": True, "lstm": False}[KIND]
V, E, H, A, SMOOTH = 11, 5, 7, 3, 0.1
G, LAYERS, C = (3, 2, 2 * H) if GRU else (4, 1, 2 * H)
SOURCE = [[3, 5, 2, 0], [7, 0], [4, 4, 8, 6, 3, 0]]
TARGET = [[2, 6, 0], [9, 3, 5, 2, 0], [8, 0]]

shapes = [("encoder.embeddings", V, E), ("decoder.embeddings", V, E)]
if not GRU:
    shapes.append(("output.weight", V, E))
shapes.append(("output.bias", 1, V))
def layer_shapes(name, inputs):
    return [(f"{name}.weight", inputs, G * H), (f"{name}.bias", 1, G * H), (f"{name}.recurrent", H, G * H)]
for n in range(LAYERS):
    for direction in ("forward", "backward"):
        shapes += layer_shapes(f"encoder.layers.{n}.{direction}", E if n == 0 else C)
shapes += [("decoder.start.weight", C, H), ("decoder.start.bias", 1, H)]
shapes += layer_shapes("decoder.layers.0.first", E)
shapes += [("decoder.layers.0.attention.query", H, A), ("decoder.layers.0.attention.key.weight", C, A),
           ("decoder.layers.0.attention.key.bias", 1, A)]
if GRU:
    shapes.append(("decoder.layers.0.attention.energy", 1, A))
shapes += layer_shapes("decoder.layers.0.second", C)
for n in range(1, LAYERS):
    shapes += layer_shapes(f"decoder.layers.{n}", H)
shapes += [("decoder.output_hidden.weight", E + H + C, E), ("decoder.output_hidden.bias", 1, E)]

P = {}
for p, (name, rows, columns) in enumerate(shapes):
    values = [0.3 * math.sin(0.7 * i + 1.3 * p) for i in range(rows * columns)]
    # The program keeps parameters in float32.
    P[name] = torch.tensor(values, dtype=torch.float32).double().reshape(rows, columns).requires_grad_(True)

def torch_gates(w):
    """Our column blocks as PyTorch's row blocks: GRU has the same order (reset, update, candidate); LSTM has forget,
    input, candidate, output here and input, forget, candidate, output there."""
    blocks = w.split(H, 1)
    return torch.cat(blocks if GRU else [blocks[1], blocks[0], blocks[2], blocks[3]], 1).T

def cell(x, state, name, bias_inside=False):
    """state: [h] or [h, c], vectors. bias_inside: the bias stands with h·U, under the reset gate."""
    bias = torch_gates(P[f"{name}.bias"])[:, 0]
    none = torch.zeros_like(bias)
    weights = (torch_gates(P[f"{name}.weight"]), torch_gates(P[f"{name}.recurrent"]),
               none if bias_inside else bias, bias if bias_inside else none)
    rows = [s[None] for s in state]
    if GRU:
        return [torch.gru_cell(x[None], rows[0], *weights)[0]]
    return [s[0] for s in torch.lstm_cell(x[None], rows, *weights)]

def run(xs, state, name):
    states = []
    for x in xs:
        state = cell(x, state, name)
        states.append(state[0])
    return torch.stack(states)

def linear(x, name):
    return x @ P[f"{name}.weight"] + P[f"{name}.bias"][0]

zero = torch.zeros(H, dtype=torch.float64)
output = P["decoder.embeddings" if GRU else "output.weight"]
loss, log_probabilities = 0.0, []
for source, target in zip(SOURCE, TARGET):
    x = P["encoder.embeddings"][torch.tensor(source)]
    for n in range(LAYERS):
        begin = [zero] if GRU else [zero, zero]
        ahead = run(x, begin, f"encoder.layers.{n}.forward")
        back = run(x.flip(0), begin, f"encoder.layers.{n}.backward").flip(0)
        y = torch.cat([ahead, back], 1)
        x = x + y if n > 0 else y
    keys = linear(x, "decoder.layers.0.attention.key")
    start = linear(x.mean(0), "decoder.start").tanh()
    state = [start] if GRU else [start, start]
    words = torch.cat([torch.zeros(1, E, dtype=torch.float64), P["decoder.embeddings"][torch.tensor(target[:-1])]])
    states, contexts = [], []
    for word in words:
        state = cell(word, state, "decoder.layers.0.first")
        query = state[0] @ P["decoder.layers.0.attention.query"]
        energies = (query + keys).tanh() @ P["decoder.layers.0.attention.energy"][0] if GRU \
            else keys @ query / math.sqrt(A)
        context = energies.softmax(0) @ x
        state = cell(context, state, "decoder.layers.0.second", bias_inside=True)
        states.append(state[0])
        contexts.append(context)
    s = torch.stack(states)
    for n in range(1, LAYERS):
        s = s + run(s, [start] if GRU else [start, start], f"decoder.layers.{n}")
    hidden = linear(torch.cat([words, s, torch.stack(contexts)], 1), "decoder.output_hidden").tanh()
    logits = hidden @ output.T + P["output.bias"][0]
    labels = torch.tensor(target)
    loss = loss + F.cross_entropy(logits, labels, label_smoothing=SMOOTH, reduction="sum")
    log_probabilities += logits.log_softmax(-1)[torch.arange(len(target)), labels].tolist()
loss.backward()
print(json.dumps({
    "generator": f"Scripts/golden-models/rnn.py {KIND}, PyTorch {torch.__version__}, float64, no seed",
    "loss": loss.item(),
    "log_probabilities": [round(x, 9) for x in log_probabilities],
    "gradients": {name: [float(f"{g:.7g}") for g in P[name].grad.flatten().tolist()] for name, _, _ in shapes},
}, separators=(",", ":")))

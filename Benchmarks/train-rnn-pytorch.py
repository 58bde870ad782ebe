"""The attention-RNN of Models/recipes/multi30k-fr-en-rnn.yaml in PyTorch, to compare the speed of training with `mt train`.

    python3 Benchmarks/train-rnn-pytorch.py MT MODEL DIR SECONDS [THREADS]

MODEL is a model that the recipe made, however briefly: its subwords cut the text (`mt tokenize --subwords`) of
DIR/multi30k.train.{fr,en}.gz. Bidirectional GRU encoder, conditional GRU decoder (Nematus) with additive attention, one table of
embeddings, dropout 0.3 and 0.4; batches of sentences of like length, as many target tokens as there, in float32 and under
bfloat16 autocast. Input projections of all steps are one product, the output layer too. Prints target tokens a second, end
symbols included, after a tenth of the time.
"""
import gzip, random, subprocess, sys, time
import torch
from torch import nn

mt, model, folder, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
torch.set_num_threads(int(sys.argv[5]) if len(sys.argv) > 5 else 2)
E, H, A, BATCH_TOKENS = 256, 384, 256, 2400


def pieces(language, side):
    text = gzip.open(f"{folder}/multi30k.train.{language}.gz").read()
    out = subprocess.run([mt, "tokenize", "--model", model, "--subwords", "--side", side], input=text, check=True,
                         capture_output=True).stdout.decode()
    return [line.split() for line in out.split("\n")[:-1]]


sources, targets = pieces("fr", "source"), pieces("en", "target")
ids = {}
encode = lambda lines: [[ids.setdefault(p, len(ids) + 2) for p in line] + [0] for line in lines]
pairs = list(zip(encode(sources), encode(targets)))
V, PAD = 6000, 1
assert len(ids) + 2 <= V


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(V, E)
        nn.init.normal_(self.table.weight, std=E ** -0.5)
        self.encoder = nn.GRU(E, H, bidirectional=True, batch_first=True)
        self.start, self.key = nn.Linear(2 * H, H), nn.Linear(2 * H, A)
        self.query, self.v = nn.Linear(H, A, bias=False), nn.Linear(A, 1, bias=False)
        self.words, self.below = nn.Linear(E, 3 * H), nn.Linear(H, 3 * H)
        self.above = nn.GRUCell(2 * H, H)
        self.hidden, self.bias = nn.Linear(E + H + 2 * H, E), nn.Parameter(torch.zeros(V))
        self.drop, self.drop_output = nn.Dropout(0.3), nn.Dropout(0.4)

    def gru(self, inputs, h):
        (xr, xz, xn), (hr, hz, hn) = inputs.chunk(3, -1), self.below(h).chunk(3, -1)
        z = torch.sigmoid(xz + hz)
        return (1 - z) * torch.tanh(xn + torch.sigmoid(xr + hr) * hn) + z * h

    def forward(self, source, target):
        mask = source != PAD
        packed = nn.utils.rnn.pack_padded_sequence(self.drop(self.table(source)), mask.sum(1), True, False)
        memory = self.drop(nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0], True)[0])
        keys, some = self.key(memory), mask.unsqueeze(2)
        h = torch.tanh(self.start((memory * some).sum(1) / some.sum(1)))
        words = self.drop(self.table(target[:, :-1]))
        words = torch.cat([torch.zeros_like(words[:, :1]), words], 1)
        inputs, states, contexts = self.words(words), [], []
        for t in range(target.shape[1]):
            middle = self.gru(inputs[:, t], h)
            scores = self.v(torch.tanh(keys + self.query(middle).unsqueeze(1))).squeeze(2).masked_fill(~mask, -1e9)
            context = (scores.softmax(1).unsqueeze(1) @ memory).squeeze(1)
            h = self.above(context, middle)
            states.append(h)
            contexts.append(context)
        features = torch.cat([words, torch.stack(states, 1), torch.stack(contexts, 1)], 2)
        return self.drop_output(torch.tanh(self.hidden(features)))


def batches():
    order = list(range(len(pairs)))
    random.shuffle(order)
    made = []
    for i in range(0, len(order), 4096):
        batch, tokens = [], 0
        for j in sorted(order[i:i + 4096], key=lambda j: (len(pairs[j][1]), len(pairs[j][0]))):
            batch.append(j)
            tokens += len(pairs[j][1])
            if tokens >= BATCH_TOKENS: made.append(batch); batch, tokens = [], 0
        if batch: made.append(batch)
    random.shuffle(made)
    return made


def padded(rows):
    out = torch.full((len(rows), max(map(len, rows))), PAD)
    for r, row in enumerate(rows): out[r, :len(row)] = torch.tensor(row)
    return out


for name in ("float32", "bfloat16"):
    random.seed(1)
    torch.manual_seed(1)
    network = Model()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.002, betas=(0.9, 0.98))
    begin, tokens, warm = time.time(), 0, None
    while time.time() - begin < seconds:
        for batch in batches():
            batch.sort(key=lambda j: -len(pairs[j][0]))
            source, target = padded([pairs[j][0] for j in batch]), padded([pairs[j][1] for j in batch])
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=name == "bfloat16"):
                used = target != PAD
                logits = network(source, target)[used] @ network.table.weight.T + network.bias
            loss = nn.functional.cross_entropy(logits.float(), target[used], label_smoothing=0.1)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            now = time.time()
            if warm: tokens += int(used.sum())
            elif now - begin > seconds / 10: warm = now
            if now - begin > seconds: break
    print(f"{name}: {tokens / (now - warm):.0f} target tokens/s, loss {float(loss.detach()):.2f}, "
          f"{sum(p.numel() for p in network.parameters())} parameters", flush=True)

"""A tiny MarianMT model and its own answers, for the tests of import: made with PyTorch, transformers and sentencepiece
independently of this project's code (torch 2.15.0, transformers 5.23.0, sentencepiece 0.2.3; trainers have no seed).

    python Scripts/golden-models/marian.py Tests/InterchangeTests/Resources

Writes source.spm (unigram), target.spm (BPE with bytes) and marian.json. Value i of the p-th tensor, in the order of
names, is 0.35*sin(0.7 i + 1.3 p), for the weights of layer norms 1 + that; the padding symbol's embedding is 0
and its bias -100. So no random numbers are involved, and the test writes the same weights by itself. Every output is as
long as it may be, where transformers count the forced end as certain: beams by score could not be compared.
"""
import json, math, os, sys, tempfile
import sentencepiece, torch
from transformers import MarianConfig, MarianMTModel

OUT = sys.argv[1]
FRENCH = """Le chien court dans le jardin.
La petite fille mange une pomme rouge.
Il fait beau ce matin.
Nous allons à la gare demain.
Le train part à huit heures.
Où est la clé de la maison ?
Elle lit un livre près de la fenêtre.
Les enfants jouent dans la cour de l'école.
Mon frère a trouvé une pièce sur la route.
Le café est trop chaud pour le boire.""".split("\n")
ENGLISH = """The dog runs in the garden.
The little girl eats a red apple.
The weather is fine this morning.
We are going to the station tomorrow.
The train leaves at eight o'clock.
Where is the key of the house?
She reads a book near the window.
The children play in the school yard.
My brother found a coin on the road.
The coffee is too hot to drink.""".split("\n")

def train(lines, name, **options):
    with tempfile.TemporaryDirectory() as work:
        rules = os.path.join(work, "rules.tsv")
        # No-break space, tabulator -> space; the ligature fi -> fi; curly apostrophe -> straight.
        open(rules, "w").write("A0\t20\n9\t20\nFB01\t66 69\n2019\t27\n")
        text = os.path.join(work, "text")
        open(text, "w").write("\n".join(lines) + "\n")
        sentencepiece.SentencePieceTrainer.train(
            input=text, model_prefix=os.path.join(work, "m"), normalization_rule_tsv=rules, bos_id=-1, pad_id=-1,
            eos_id=0, unk_id=1, minloglevel=2, num_threads=1, **options)
        data = open(os.path.join(work, "m.model"), "rb").read()
    open(os.path.join(OUT, name), "wb").write(data)
    return sentencepiece.SentencePieceProcessor(model_proto=data)

source = train(FRENCH, "source.spm", model_type="unigram", vocab_size=60)
target = train(ENGLISH, "target.spm", model_type="bpe", vocab_size=330, byte_fallback=True)
pieces = ["</s>", "<unk>"]
for model in (source, target):
    pieces += [p for p in (model.id_to_piece(i) for i in range(model.get_piece_size())) if p not in pieces]
# The tokens of special meaning need not come first; here they do not.
pieces = pieces[5:8] + ["<unk>"] + pieces[8:] + ["</s>"] + pieces[2:5] + ["<pad>"]
V, END, UNK, PAD = len(pieces), pieces.index("</s>"), pieces.index("<unk>"), len(pieces) - 1
ids = {piece: i for i, piece in enumerate(pieces)}

config = MarianConfig(
    vocab_size=V, d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=24, decoder_ffn_dim=24, activation_function="swish", scale_embedding=True,
    static_position_embeddings=True, max_position_embeddings=40, eos_token_id=END, bos_token_id=END, pad_token_id=PAD,
    decoder_start_token_id=PAD, forced_eos_token_id=END)
model = MarianMTModel(config).eval()
tensors = []
skip = ("lm_head.weight", "embed_tokens.weight", "embed_positions.weight")
state = model.state_dict()
for p, name in enumerate(sorted(n for n in state if not n.endswith(skip))):
    shape = list(state[name].shape)
    values = torch.tensor([0.35 * math.sin(0.7 * i + 1.3 * p) for i in range(state[name].numel())]).reshape(shape)
    if name.endswith("layer_norm.weight"): values += 1
    if name == "model.shared.weight": values[PAD] = 0
    if name == "final_logits_bias": values[0, PAD] = -100
    state[name].copy_(values)
    tensors.append({"name": name, "shape": shape})

def encode(processor, line):
    found = [ids.get(piece, UNK) for piece in processor.encode(line, out_type=str)]
    # Text is never a special symbol.
    return [UNK if i in (END, UNK) else i for i in found] + [END]

def renumbered(sequence):
    """The ids of this project: the end is 0, the unknown word 1, the rest in order without the padding."""
    order = [END, UNK] + [i for i in range(V) if i not in (END, UNK, PAD)]
    return [order.index(i) for i in sequence]

lines = list(zip(FRENCH, ENGLISH))[:6] + [("L’œuvre\u00a0ﬁne, 42 ?", "A fine work: 42 €!"), ("x", "x")]
records = []
for french, english in lines:
    x, y = encode(source, french), encode(target, english)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([x]), decoder_input_ids=torch.tensor([[PAD] + y[:-1]])).logits[0]
        forced = torch.log_softmax(logits.double(), -1)[range(len(y)), y].tolist()
        search = dict(max_length=14, bad_words_ids=[[UNK], [PAD]], return_dict_in_generate=True)
        greedy = model.generate(torch.tensor([x]), num_beams=1, do_sample=False, **search).sequences[0].tolist()
    clean = lambda s: renumbered([i for i in s if i not in (END, PAD)])
    records.append({
        "source": french, "target": english, "source_ids": renumbered(x), "target_ids": renumbered(y),
        "log_probabilities": [round(v, 6) for v in forced], "greedy": clean(greedy)})

json.dump({"pieces": pieces, "end": END, "pad": PAD, "tensors": tensors, "records": records},
          open(os.path.join(OUT, "marian.json"), "w"), ensure_ascii=False, indent=0)
print(V, END, UNK, PAD, len(tensors))
for r in records: print(r)

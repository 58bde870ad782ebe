"""What transformers' generate does with forced_bos_token_id, on the tiny MarianMT model of marian.py: made with PyTorch and
transformers independently of this project's code (torch 2.15.0, transformers 5.23.0; no random numbers).

    python Scripts/golden-models/marian-forced.py Tests/InterchangeTests/Resources

Reads marian.json there and writes marian-forced.json: for the same sources the outputs of greedy search and of a beam of
four, with the score of the beam's best. The end symbol's bias is raised by END_BIAS, so that every output ends by itself
before the longest length, where transformers would count a forced end as certain.
"""
import json, math, os, sys
import torch
from transformers import MarianConfig, MarianMTModel

OUT, FORCED, END_BIAS, LONGEST = sys.argv[1], "<0x02>", 5.0, 38
golden = json.load(open(os.path.join(OUT, "marian.json")))
pieces, END, PAD = golden["pieces"], golden["end"], golden["pad"]
V, UNK, BEGIN = len(pieces), pieces.index("<unk>"), pieces.index(FORCED)
config = MarianConfig(
    vocab_size=V, d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=24, decoder_ffn_dim=24, activation_function="swish", scale_embedding=True,
    static_position_embeddings=True, max_position_embeddings=40, eos_token_id=END, bos_token_id=END, pad_token_id=PAD,
    decoder_start_token_id=PAD, forced_eos_token_id=END)
model = MarianMTModel(config).eval()
state = model.state_dict()
for p, tensor in enumerate(golden["tensors"]):
    name, shape = tensor["name"], tensor["shape"]
    values = torch.tensor([0.35 * math.sin(0.7 * i + 1.3 * p) for i in range(math.prod(shape))]).reshape(shape)
    if name.endswith("layer_norm.weight"): values += 1
    if name == "model.shared.weight": values[PAD] = 0
    if name == "final_logits_bias": values[0, PAD], values[0, END] = -100, values[0, END] + END_BIAS
    state[name].copy_(values)

# The ids of this project: the end is 0, the unknown word 1, the rest in order without the padding.
order = [END, UNK] + [i for i in range(V) if i not in (END, UNK, PAD)]
records = []
for record in golden["records"]:
    x = torch.tensor([[order[i] for i in record["source_ids"]]])
    search = dict(max_length=LONGEST, bad_words_ids=[[UNK], [PAD]], return_dict_in_generate=True, output_scores=True,
                  forced_bos_token_id=BEGIN, do_sample=False)
    with torch.no_grad():
        greedy = model.generate(x, num_beams=1, **search).sequences[0].tolist()
        beam = model.generate(x, num_beams=4, length_penalty=1.0, early_stopping=False, **search)
    found = beam.sequences[0].tolist()
    for sequence in (greedy, found):
        assert sequence[:2] == [PAD, BEGIN] and sequence[-1] == END and len(sequence) < LONGEST, sequence
    clean = lambda s: [order.index(i) for i in s if i not in (END, PAD)]
    records.append({"greedy": clean(greedy), "beam": clean(found), "score": round(beam.sequences_scores[0].item(), 6)})
    print(records[-1])
json.dump({"forced": BEGIN, "end_bias": END_BIAS, "longest": LONGEST, "records": records},
          open(os.path.join(OUT, "marian-forced.json"), "w"))

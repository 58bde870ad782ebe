"""Tiny models in Marian's own formats with Marian's own answers, for the tests of import: made by Marian itself, through
its Python package (pymarian 1.12.42), independently of this project's code.

    python Scripts/golden-models/marian-native.py Tests/InterchangeTests/Resources [name...]

Reads source.spm and target.spm there, which marian.py made, and writes for each variant below marian-<name>.npz, for
some of them other formats too, and marian-native.json with the word scores of given pairs and greedy translations.
Each is trained for some updates, so that no weight is what it began with; other processors make other weights. Names of
variants make only these anew.
"""
import json, os, re, subprocess, sys, tempfile, zipfile

OUT = os.path.abspath(sys.argv[1])
PAIRS = [
    ("Le chien court dans le jardin.", "The dog runs in the garden."),
    ("La petite fille mange une pomme rouge.", "The little girl eats a red apple."),
    ("Il fait beau ce matin.", "The weather is fine this morning."),
    ("Nous allons à la gare demain.", "We are going to the station tomorrow."),
    ("Où est la clé de la maison ?", "Where is the key of the house?"),
    ("Les enfants jouent dans la cour de l'école.", "The children play in the school yard."),
    ("Le café est trop chaud pour le boire.", "Tea? It's 42 € too hot!"),
    ("x", "x"),
]
SOURCE, TARGET = os.path.join(OUT, "source.spm"), os.path.join(OUT, "target.spm")
TRANSFORMER = ("--type transformer --dim-emb 8 --transformer-dim-ffn 12 --transformer-heads 2 --enc-depth 2 --dec-depth 1 "
               "--learn-rate 0.02 ")
RNN = "--type s2s --dim-emb 8 --dim-rnn 6 --learn-rate 0.05 "
PRE = "--transformer-preprocess n --transformer-postprocess da --transformer-postprocess-top n "
SSRU = "--transformer-decoder-autoreg rnn --dec-cell ssru "
# name: vocabularies, options
VARIANTS = {
    # Marian's own transposition, on the way to intgemm8, is only right for multiples of 16.
    "post": (TARGET, TARGET, TRANSFORMER.replace("dim-emb 8", "dim-emb 16").replace("ffn 12", "ffn 48") +
             "--tied-embeddings-all --transformer-ffn-activation swish"),
    "pre": (SOURCE, TARGET, TRANSFORMER + PRE + "--tied-embeddings --transformer-ffn-activation gelu"),
    "untied": (SOURCE, TARGET, TRANSFORMER + "--transformer-ffn-activation relu"),
    "tied-source": (TARGET, TARGET, TRANSFORMER + "--tied-embeddings-src --transformer-decoder-dim-ffn 12"),
    "tied-layers": (TARGET, TARGET, TRANSFORMER.replace("--dec-depth 1", "--dec-depth 3") +
                    "--tied-embeddings-all --transformer-tied-layers 1 2 1"),
    # The decoder of Firefox Translations' students.
    "ssru": (TARGET, TARGET, TRANSFORMER.replace("dim-emb 8", "dim-emb 16").replace("ffn 12", "ffn 48")
             .replace("--dec-depth 1", "--dec-depth 2") + SSRU + "--tied-embeddings-all --transformer-ffn-activation relu"),
    "ssru-pre": (SOURCE, TARGET, TRANSFORMER + PRE + SSRU + "--tied-embeddings"),
    "gru": (SOURCE, TARGET, RNN + "--tied-embeddings"),
    "deep": (SOURCE, TARGET, RNN + "--dec-depth 3 --skip"),
    "lstm": (SOURCE, TARGET, RNN + "--enc-cell lstm --dec-cell lstm"),
    "amun": (SOURCE, TARGET, RNN.replace("s2s", "amun")),
}

def marian(*arguments, text=""):
    """Runs Marian in a process of its own. It sometimes crashes as it ends, so it has some tries."""
    code = "import sys, types; sys.modules.setdefault('yaml', types.ModuleType('yaml')); import _pymarian; " \
           "sys.exit(_pymarian.main(sys.argv[1:]))"
    for _ in range(5):
        result = subprocess.run([sys.executable, "-c", code, *arguments], input=text, capture_output=True, text=True)
        if result.returncode >= 0: break
    if result.returncode != 0: sys.exit(f"marian {' '.join(arguments)}: status {result.returncode} {result.stderr[-3000:]}")
    return result.stdout

def floats(line): return [float(x) for x in re.search(r"WordScores= ([^|]*)", line).group(1).split()]

answers, only = os.path.join(OUT, "marian-native.json"), sys.argv[2:]
records = json.load(open(answers))["models"] if only else {}
with tempfile.TemporaryDirectory() as work:
    at = lambda name: os.path.join(work, name)
    for k, name in enumerate(("source", "target")):
        open(at(name), "w").write("".join(pair[k] + "\n" for pair in PAIRS))
    for name, (source, target, options) in VARIANTS.items():
        if only and name not in only: continue
        model = os.path.join(OUT, f"marian-{name}.npz")
        marian("train", "--train-sets", at("source"), at("target"), "--vocabs", source, target, "--model", at(name + ".npz"),
               "--cpu-threads", "1", "--workspace", "64", "--after-batches", "12", "--mini-batch", "8", "--seed", "1",
               "--overwrite", "--no-restore-corpus", "--quiet", "--label-smoothing", "0", *options.split())
        os.replace(at(name + ".npz"), model)
        common = ["--vocabs", source, target, "--cpu-threads", "1", "--workspace", "64", "--quiet"]
        scored = marian("score", "--model", model, *common, "--train-sets", at("source"), at("target"), "--word-scores")
        # Decoding a pre-norm model step by step, it normalises keys and values at the first step only, and so says
        # something else than when it scores: its decoder is then no reference.
        found = "" if name == "pre" else marian(
            "decode", "--models", model, *common, "--beam-size", "1", "--max-length-factor", "2", "--n-best", "--word-scores",
            "--no-spm-decode", text="".join(pair[0] + "\n" for pair in PAIRS))
        records[name] = {
            "source_vocabulary": os.path.basename(source), "target_vocabulary": os.path.basename(target),
            "scores": [floats(line) for line in scored.splitlines()],
            "greedy": [{"pieces": line.split(" ||| ")[1].split(), "scores": floats(line)} for line in found.splitlines()]}
        if name in ("post", "ssru"):
            for form in ("float32", "intgemm8"):
                marian("convert", "--from", model, "--to", os.path.join(OUT, f"marian-{name}.{form}.bin"),
                       "--gemm-type", form)
        if name == "deep":
            # As NumPy's savez_compressed would write it, which Marian cannot read.
            with zipfile.ZipFile(model) as old: members = [(i.filename, old.read(i)) for i in old.infolist()]
            with zipfile.ZipFile(model, "w", zipfile.ZIP_DEFLATED) as new:
                for member in members: new.writestr(*member)
        print(name, records[name]["scores"][0][:4], records[name]["greedy"][:1])
json.dump({"pairs": PAIRS, "models": records}, open(answers, "w"), ensure_ascii=False)

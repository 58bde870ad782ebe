#!/usr/bin/env python3
"""Time `mt eval` beside sacreBLEU on the same files, on one core each, and print Markdown tables.

    MT=.build/release/mt Benchmarks/scores/compare.py [--pairs N] [--million HYPOTHESES REFERENCES]

The text is made here from a seeded list of words, about 20 words a sentence, one word in six changed. Seconds are processor
time: of the whole program for ours, of reading and scoring without starting Python for sacreBLEU. `--million` repeats two
files, plain or gzipped, until they have a million lines, and times ours alone on them, with the largest memory that
the program took. Needs sacrebleu 2.6 and MT=path/of/mt, default mt.
"""
import argparse
import gzip
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time

from sacrebleu.metrics import BLEU, CHRF, TER

MT = os.environ.get("MT", "mt")
# name: (options of mt eval, sacreBLEU's metric)
METRICS = {"BLEU": (["--bleu"], BLEU), "chrF": (["--chrf"], CHRF),
           "chrF++": (["--chrf", "--chrf-word-order", "2"], lambda: CHRF(word_order=2)), "TER": (["--ter"], TER)}


def vocabulary(rng):
    syllables = "ba co di fé gu ha li mo na ou pa re si tu vé wo ya zi tion ment que les st ing".split()
    return ["".join(rng.choice(syllables) for _ in range(rng.randint(1, 4))) for _ in range(20000)]


def write_pairs(folder, count):
    """Writes hyp and ref in `folder` and returns their paths."""
    rng = random.Random(11)
    words = vocabulary(rng)
    cumulative = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))
    paths = [os.path.join(folder, name) for name in ("hyp", "ref")]
    with open(paths[0], "w", encoding="utf-8") as hyp, open(paths[1], "w", encoding="utf-8") as ref:
        for _ in range(count):
            line = rng.choices(words, cum_weights=cumulative, k=rng.randint(8, 32))
            changed = [rng.choice(words) if rng.random() < 1 / 6 else w for w in line]
            if rng.random() < 0.3:
                i, j = sorted(rng.sample(range(len(changed)), 2))
                changed = changed[:i] + changed[j:] + changed[i:j]
            ref.write(" ".join(line).capitalize() + ", 3.5 %.\n")
            hyp.write(" ".join(changed).capitalize() + ", 3.5 %.\n")
    return paths


def repeat(path, folder, name, count):
    """Writes the lines of a file over and over, `count` in all."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        lines = file.read().splitlines(keepends=True)
    target = os.path.join(folder, name)
    with open(target, "wb") as file:
        for start in range(0, count, len(lines)):
            file.writelines(lines[:count - start])
    return target


# A fork's largest memory begins at its parent's, so that a parent of little memory is put between.
WATCHER = """import os, sys
process = os.spawnvp(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(process, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))"""


def ours(metric, paths):
    """Score, seconds of processor time and MiB of memory at most."""
    command = [MT, "eval", "--hypotheses", paths[0], "--references", paths[1], "--format", "json", *METRICS[metric][0]]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", WATCHER, *command], capture_output=True, check=True)
    seconds, memory = done.stderr.split()[-2:]
    return json.loads(done.stdout)[0]["score"], float(seconds), float(memory)


def theirs(metric, paths):
    start = time.process_time()
    lines = [[line.rstrip() for line in open(path, encoding="utf-8", newline="\n")] for path in paths]
    score = METRICS[metric][1]().corpus_score(lines[0], lines[1:])
    return score.score, time.process_time() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=3000)
    parser.add_argument("--million", nargs=2, metavar="FILE")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pairs(folder, arguments.pairs)
        print(f"| {arguments.pairs} pairs | ours, s | sacreBLEU, s | times faster | difference of scores |")
        print("|---|---:|---:|---:|---:|")
        for metric in METRICS:
            mine, seconds, _ = min((ours(metric, paths) for _ in range(3)), key=lambda result: result[1])
            score, slow = theirs(metric, paths)
            print(f"| {metric} | {seconds:.3f} | {slow:.2f} | {slow / seconds:.0f} | {abs(score - mine):.0e} |", flush=True)
        if arguments.million:
            paths = [repeat(path, folder, name, 1_000_000) for path, name in zip(arguments.million, ("hyp", "ref"))]
            size = sum(os.path.getsize(path) for path in paths) / 1e6
            print(f"\n| 1,000,000 pairs, {size:.0f} MB | s | peak memory, MiB |\n|---|---:|---:|")
            for metric in ("BLEU", "chrF", "chrF++"):
                results = [ours(metric, paths) for _ in range(3 if metric == "BLEU" else 1)]
                seconds = " / ".join(f"{result[1]:.1f}" for result in results)
                print(f"| {metric} | {seconds} | {max(result[2] for result in results):.0f} |", flush=True)


main()

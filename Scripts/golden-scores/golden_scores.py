#!/usr/bin/env python3
"""Write the score table that Tests/EvaluationTests compares with: every number comes from sacreBLEU.

    golden_scores.py > Tests/EvaluationTests/Fixtures/golden-scores.json     the committed table
    golden_scores.py --fuzz SEED COUNT > fuzz.json                           random corpora, same format

Needs sacrebleu 2.6 and numpy >= 2. All sentences are written here; none comes from a corpus.
"""
import itertools
import json
import random
import sys
import unicodedata

import numpy
import regex
import sacrebleu
from sacrebleu.metrics import BLEU, CHRF, TER

CLASSES = {"bleu": BLEU, "chrf": CHRF, "ter": TER}

LONG = " ".join(f"part {i} of the long line, number {i * 7 % 13};" for i in range(150))
LONG_SHUFFLED = " ".join(f"part {i} of the long line, number {i * 5 % 13};" for i in range(0, 150, 2))

CORPORA = {
    "plain": (
        ["The red boat left the harbour at 6.30, didn't it?", "My aunt's cat sleeps on 3 cushions.",
         "Nobody told us that (again) the bridge was shut!", "It cost $1,250.75 - a 20% rise."],
        [["The red boat left the port at 6.30, didn't it?", "My aunt's cat is asleep on three cushions.",
          "No one told us the bridge was shut (again)!", "It cost $1,250.75 – up by 20%."]]),
    "several references": (
        ["The red boat left the harbour at 6.30", "rain is falling on the old roofs , again", "a cup of tea"],
        [["The red boat left the port at 6.30.", "It is raining on the old roofs again.", "one cup of tea"],
         ["At 6.30 the red boat left harbour.", "rain falls on old roofs, again", "a cup of tea, please"],
         ["A red boat sailed out at 6.30", "again the rain is falling on the roofs", "tea"]]),
    "some references missing": (
        ["green apples taste sour", "we walked home", "the lamp is on the table"],
        [["green apples are sour", "we went home on foot", "the lamp stands on the table"],
         [None, "we walked back home", None]]),
    "empty hypothesis": (["", "The door is open."], [["Somebody knocked.", "The door is open."]]),
    "empty reference": (["Somebody knocked.", "The door is open."], [["", "The door is open."]]),
    "one empty line": ([""], [[""]]),
    "only an empty hypothesis": ([""], [["Somebody knocked twice."]]),
    "only an empty reference": (["Somebody knocked twice."], [[""]]),
    "all lines blank": (["", " ", "\t"], [["", "  ", ""]]),
    "identical": (["Identical lines score a hundred, always.", "So do these: 1, 2, 3."],
                  [["Identical lines score a hundred, always.", "So do these: 1, 2, 3."]]),
    "one word": (["Hello"], [["Hello"]]),
    "one wrong word": (["Hello"], [["Goodbye"]]),
    "nothing in common": (["aa bb cc dd ee"], [["ff gg hh ii jj kk"]]),
    "order only": (["d e f g h a b c"], [["a b c d e f g h"]]),
    "two moves": (["seven eight one two three nine four five six"], [["one two three four five six seven eight nine"]]),
    "repetition": (["the the the the the the the"], [["the cat and the dog saw the bird"]]),
    "Chinese": (["他今天早上坐火车去了北京。", "我有3只猫,2只狗,€5 和 “书”。"], [["今天早上他坐火车去北京了。", "我有三只猫和两只狗,€5,“书”。"]]),
    "Japanese": (["私はコーヒーを飲みます。", "カタカナ と ひらがな、「テスト」"], [["私はお茶を飲みます。", "カタカナとひらがな、「テスト」です"]]),
    "Korean": (["나는 오늘 학교에 갔다."], [["오늘 나는 학교에 갔습니다."]]),
    "right to left": (["ذهب الولد إلى المدرسة صباحا، ثم عاد.", "הילד הלך לבית הספר."],
                      [["ذهب الولد صباحا إلى المدرسة؛ ثم عاد!", "הילד הלך הביתה, לבית הספר."]]),
    "emoji": (["We won 🎉🎉 today 👍🏽!", "family: 👨‍👩‍👧‍👦 €5→6"], [["We won today 🎉 👍🏽!!", "family 👨‍👩‍👧‍👦: €5 → 6"]]),
    "combining": (["Cafe\u0301 nai\u0308ve A\u030angstro\u0308m", "İstanbul ΟΔΥΣΣΕΥΣ ΑΣ. ΣΑ Σ ẞ"],
                  [["Café naïve Ångström", "istanbul οδυσσευς ας. σα σ ß"]]),
    "entities": (["&quot;A&amp;B&quot; &lt;b&gt; &amp;lt; &amp;amp;quot; <skipped>x", "R&D - 5-6 x-ray 7--8"],
                 [["\"A&B\" <b> < &amp;lt; & x", "R & D - 5 - 6 x-ray 7 - 8"]]),
    "runs of marks": (["Wait... what?!, no,,, 1.2.3,4 a.b.c. ..5 ,6", "'s James's 's, the dog's. -- 3-"],
                      [["Wait ... what ?! no ,,, ,,1.2.3,4 a.b.c ..5, 6", "s James 's 's the dog 's . - 3 -"]]),
    "odd spaces": (["a\u00a0b\u2003c\u3000d\u0085e\x1cf  g ", "  x\u200by\u2060z\u2028w\t"],
                   [["a b c d e f g", "x\u200by z\u2028w"]]),
    "newlines": (["hyphen-\nated\nline -\n end", "two\nlines"], [["hyphenated line end", "two lines"]]),
    "full width": (["Ｈｅｌｌｏ，ｗｏｒｌｄ！（１２）", "．，？：；！＂（）、。「」"], [["Ｈｅｌｌｏ， ｗｏｒｌｄ！", "。、"]]),
    "scripts": (["Ⅷ ½ ³ ٣٫٤ ¿Qué? «Oui» „Ja“ ‚x‘", "a+b=c ±5 ©2020 ™ ° № §3 ¶"],
                [["VIII 1/2 3 ٣٫٤ ¿Que? « Oui » „ Ja “", "a + b = c ± 5 © 2020 TM ° № § 3"]]),
    "very long": ([LONG, "short"], [[LONG_SHUFFLED, "short one"]]),
    "very long against one word": ([LONG], [["part"]]),
    "one word against very long": (["part"], [[LONG]]),
}


def bleu_options():
    yield {}
    for tokenize, lowercase in itertools.product(["13a", "intl", "char", "zh", "none"], [False, True]):
        yield {"tokenize": tokenize, "lowercase": lowercase}
    smoothings = [("exp", None), ("none", None), ("floor", None), ("floor", 0.5), ("add-k", None), ("add-k", 2),
                  ("add-k", 0.25)]
    for (method, value), effective in itertools.product(smoothings, [False, True]):
        yield {"smooth_method": method, "smooth_value": value, "effective_order": effective}
    for order in (1, 2, 3, 6):
        yield {"max_ngram_order": order}
        yield {"max_ngram_order": order, "effective_order": True, "smooth_method": "floor"}


def chrf_options():
    for word_order, lowercase, whitespace, eps in itertools.product([0, 1, 2], *[[False, True]] * 3):
        yield {"word_order": word_order, "lowercase": lowercase, "whitespace": whitespace, "eps_smoothing": eps}
    for char_order, beta in ((6, 1), (6, 3), (4, 2), (1, 2), (8, 2)):
        yield {"char_order": char_order, "beta": beta}
    yield {"char_order": 0, "word_order": 2}


def ter_options():
    for flags in itertools.product([False, True], repeat=4):
        yield dict(zip(("normalized", "no_punct", "asian_support", "case_sensitive"), flags))


OPTIONS = {"bleu": list(bleu_options()), "chrf": list(chrf_options()), "ter": list(ter_options())}
# The reports of these corpora are checked character by character.
REPORTED = ("plain", "several references", "identical", "only an empty hypothesis")


def score(corpus, metric, options, reported):
    hypotheses, references = CORPORA[corpus]
    scorer = CLASSES[metric](**options)
    result = scorer.corpus_score(hypotheses, references)
    signature = scorer.get_signature()
    case = {"corpus": corpus, "metric": metric, "options": options, "score": float(result.score),
            "signature": signature.format(), "short": signature.format(short=True)}
    case["sentences"] = [
        float(scorer.sentence_score(h, [r for r in refs if r is not None]).score)
        for h, *refs in zip(hypotheses, *references)]
    if reported:
        case["text"] = [result.format(width, False, signature.format()) for width in (1, 2, 4)]
        case["json"] = [result.format(width, False, signature.format(), True) for width in (1, 2, 4)]
    return case


def significance_corpus():
    """Systems that differ by seeded word swaps and drops from sentences put together from a small list."""
    rng = random.Random(7)
    words = "the a small red old boat house lamp stands sails sleeps near under river hill slowly again , .".split()
    references = [" ".join(rng.choice(words) for _ in range(rng.randint(3, 14))) for _ in range(120)]

    def corrupt(line, rate):
        out = [w for w in line.split() if rng.random() > rate / 3]
        for i in range(len(out)):
            if rng.random() < rate:
                out[i] = rng.choice(words)
        return " ".join(out)

    return [references], {name: [corrupt(r, rate) for r in references]
                          for name, rate in (("A", 0.2), ("B", 0.23), ("C", 0.35))}


def significance():
    from sacrebleu.significance import PairedTest
    references, systems = significance_corpus()
    metrics = {"bleu": {}, "bleu add-k": {"smooth_method": "add-k", "smooth_value": 0.5},
               "chrf": {"word_order": 2}, "ter": {}}
    out = {"references": references, "systems": systems, "confidence": [], "paired": []}
    for name, options in metrics.items():
        for count in (1000, 77):
            scorer = CLASSES[name.split()[0]](**options)
            result = scorer.corpus_score(systems["A"], references, n_bootstrap=count)
            signature = scorer.get_signature().format()
            out["confidence"].append({
                "metric": name.split()[0], "options": options, "resamples": count, "score": float(result.score),
                "mean": float(result._mean), "half_width": float(result._ci), "signature": signature,
                "text": result.format(2, False, signature), "json": result.format(2, False, signature, True)})
        for test, samples, confidence in (("bs", 1000, -1), ("bs", 300, -1), ("ar", 2000, -1), ("ar", 500, 100)):
            scorer = CLASSES[name.split()[0]](**options)
            test_run = PairedTest(list(systems.items()), {"m": scorer}, references, test, samples, confidence)
            signatures, results = test_run()
            key = next(k for k in results if k != "System")
            number = lambda x: None if x is None else float(x)
            out["paired"].append({
                "metric": name.split()[0], "options": options, "test": test, "samples": samples,
                "confidence": confidence, "signature": signatures[key].format(),
                "results": [{"score": float(r.score), "p": number(r.p_value), "mean": number(r.mean),
                             "half_width": number(r.ci)} for r in results[key]]})
    return out


def random_text(rng):
    kinds = [
        lambda: "".join(chr(rng.randint(97, 122)) for _ in range(rng.randint(1, 5))),
        lambda: rng.choice(["the", "a", "cat", "Dog", "HOUSE", "Élan", "ΣΑΣ", "été", "straße", "1,000.5", "x-y", "3-4"]),
        lambda: rng.choice(list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")) * rng.randint(1, 3),
        lambda: str(rng.randint(0, 9999)),
        lambda: chr(rng.choice([rng.randint(0xA0, 0x2FF), rng.randint(0x370, 0x52F), rng.randint(0x590, 0x6FF),
                                rng.randint(0x2000, 0x2BFF), rng.randint(0x2E80, 0x33FF), rng.randint(0x4E00, 0x9FFF),
                                rng.randint(0xAC00, 0xD7A3), rng.randint(0xF900, 0xFFEF),
                                rng.randint(0x1F300, 0x1FAFF), rng.randint(0x20000, 0x2A6DF)])),
        lambda: rng.choice(["&amp;", "&lt;", "&quot;", "&gt;", "<skipped>", "-\n", "\n", "'s ", "\u3000", "\x1f", "\x85"]),
    ]
    text = "".join(rng.choice(kinds)() + rng.choice([" ", " ", " ", ""]) for _ in range(rng.randint(0, 25)))
    # Characters newer than Python's tables have other properties in newer libraries.
    return "".join(c for c in text if unicodedata.category(c) not in ("Cs", "Cn"))


def perturb(rng, text):
    words = text.split(" ")
    for _ in range(rng.randint(0, 4)):
        i = rng.randrange(len(words))
        action = rng.random()
        if action < 0.3:
            words[i:i + 1] = []
        elif action < 0.5:
            words[i] = random_text(rng)[:6]
        elif action < 0.8:
            j = rng.randrange(len(words))
            block = words[i:i + 3]
            del words[i:i + 3]
            words[j:j] = block
        else:
            words.insert(i, words[i].upper())
        words = words or [""]
    return " ".join(words)


def fuzz(seed, count):
    CORPORA.clear()
    rng = random.Random(seed)
    cases = []
    for number in range(count):
        sources = [random_text(rng) for _ in range(rng.randint(1, 4))]
        streams = [[perturb(rng, s) for s in sources] for _ in range(rng.randint(1, 3))]
        name = f"fuzz {number}"
        CORPORA[name] = ([perturb(rng, s) for s in sources], streams)
        for metric in OPTIONS:
            for options in rng.sample(OPTIONS[metric], 4):
                cases.append(score(name, metric, options, False))
    return cases


def main():
    table = {"generator": f"golden_scores.py, sacrebleu {sacrebleu.__version__}, numpy {numpy.__version__}, "
                          f"regex {regex.__version__}, seed 12345"}
    if sys.argv[1:2] == ["--fuzz"]:
        table["cases"] = fuzz(int(sys.argv[2]), int(sys.argv[3]))
    else:
        table["cases"] = [score(corpus, metric, options, corpus in REPORTED)
                          for corpus in CORPORA for metric in OPTIONS for options in OPTIONS[metric]
                          if "very long" not in corpus or options in OPTIONS[metric][:2]]
        table["significance"] = significance()
    table["corpora"] = {name: {"hypotheses": h, "references": r} for name, (h, r) in CORPORA.items()}
    json.dump(table, sys.stdout, ensure_ascii=False, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()

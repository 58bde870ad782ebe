"""How the cost of translation grows with the length of sentences, the number of threads and the size of the input, by
processor time (user and system), which a busy machine disturbs less than the clock.

    python3 Benchmarks/scaling.py lengths MT MODEL LINES      # ms a sentence of 12 to 200 subwords and as long an output, beam 5
    python3 Benchmarks/scaling.py paragraphs MT MODEL LINES   # the same of lines that are whole sentences, as users have them
    python3 Benchmarks/scaling.py threads MT MODEL LINES      # processor time with 1 and 2 threads
    python3 Benchmarks/scaling.py input MT MODEL LINES COUNT  # LINES over and over: rate and memory by tenths of COUNT lines

LINES is a file of source lines. All in int8.
"""
import os, resource, subprocess, sys, time

what, mt, model, path = sys.argv[1:5]
lines = [l for l in open(path, encoding="utf8").read().split("\n") if l.strip()]

def cost(text, *options):
    """Processor seconds of translating the text, the program's start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([mt, "translate", "--model", model, "--precision", "int8", *options], input=text.encode(), check=True,
                   stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

def median(values): return sorted(values)[len(values) // 2]

if what in ("lengths", "paragraphs"):
    counts = subprocess.run([mt, "tokenize", "--model", model, "--subwords"], input="\n".join(lines).encode(), check=True,
                            capture_output=True).stdout.decode().split("\n")
    sizes = [len(c.split()) for c in counts[:len(lines)]]
    print("| subwords | ms a sentence | ms a subword |\n|---:|---:|---:|")
    for wanted in (12, 25, 50, 100, 200):
        made, i, tokens = [], 0, 0
        while len(made) < 20:
            # Joined by commas for `lengths`: whole sentences would not be longer sentences.
            parts, size, misses = [], 0, 0
            while size < wanted * 0.9:
                j, i = i % len(lines), i + 1
                if size + sizes[j] <= wanted * 1.1:
                    parts.append(lines[j] if what == "paragraphs" else lines[j].rstrip(" .!?"))
                    size += sizes[j]
                else:
                    misses += 1
                    if misses > len(lines): parts, size, misses = [], 0, 0
            made.append(" ".join(parts) if what == "paragraphs" else ", ".join(parts) + ".")
            tokens += size
        # Outputs as long as the source and no second search for lost spans, so that a model that loses its way in long
        # lines does not count. Paragraphs are cut between sentences: each has the length it has.
        length = str(round(tokens / len(made)))
        options = ("--beam", "5", "--threads", "1", "--batch-sentences", "1", "--no-protect")
        if what == "lengths": options += ("--min-length", length, "--max-length", length)
        start = median([cost(made[0] + "\n", *options) for _ in range(3)])
        runs = [(cost("\n".join(made) + "\n", *options) - start) / (len(made) - 1) for _ in range(3)]
        print(f"| {tokens / len(made):.0f} | {1000 * median(runs):.1f} | {1000 * median(runs) / (tokens / len(made)):.3f} |", flush=True)
elif what == "threads":
    text = "\n".join(lines) + "\n"
    for beam in ("5", "1"):
        seconds = {t: median([cost(text, "--beam", beam, "--threads", t) for _ in range(3)]) for t in ("1", "2")}
        print(f"beam {beam}: {seconds['1']:.2f} s of processor time with one thread, {seconds['2']:.2f} s with two: "
              f"no more than {2 * seconds['1'] / seconds['2']:.2f} times as fast")
elif what == "input":
    count, tick = int(sys.argv[5]), os.sysconf("SC_CLK_TCK")
    text, out = "/tmp/mt-scaling-input", "/tmp/mt-scaling-output"
    with open(text, "w", encoding="utf8") as f: f.writelines(lines[i % len(lines)] + "\n" for i in range(count))
    program = subprocess.Popen([mt, "translate", "--model", model, "--precision", "int8", "--beam", "1", "--threads", "1"],
                               stdin=open(text), stdout=open(out, "wb"))
    # (lines out, processor seconds, resident MB)
    seen, done, read = [], 0, open(out, "rb")
    while program.poll() is None:
        done += read.read().count(b"\n")
        try:
            fields = open(f"/proc/{program.pid}/stat").read().rsplit(")", 1)[1].split()
            seen.append((done, (int(fields[11]) + int(fields[12])) / tick, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6))
        except (OSError, IndexError): pass
        time.sleep(0.2)
    done += read.read().count(b"\n")
    if program.returncode != 0 or done != count: sys.exit(f"status {program.returncode}, {done} lines")
    # Between the samples nearest to each tenth.
    marks = [min(seen, key=lambda s: abs(s[0] - count * k // 10)) for k in range(11)]
    print("| tenth | lines a processor second | MB |\n|---:|---:|---:|")
    for k, (a, b) in enumerate(zip(marks, marks[1:])):
        if b[1] > a[1]: print(f"| {k + 1} | {(b[0] - a[0]) / (b[1] - a[1]):.0f} | {b[2]:.0f} |")
    os.remove(text)
    os.remove(out)

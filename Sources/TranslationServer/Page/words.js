// Both texts as words that light up together.

import { percent } from "./attention.js";

/// Less than this is not worth a colour.
const least = 0.06;

export class Words {
  /// `onChoose` is told of the sentence that was clicked.
  constructor(mirror, output, input, onChoose) {
    Object.assign(this, { mirror, output, input, onChoose, explained: null, chosen: [], sources: [], targets: [], at: null });
    output.addEventListener("pointerover", (event) => this.point(event.target.closest?.(".w")));
    output.addEventListener("pointerleave", () => this.light(null));
    output.addEventListener("focusin", (event) => this.point(event.target.closest(".w")));
    output.addEventListener("focusout", () => this.light(null));
    output.addEventListener("click", (event) => {
      const word = event.target.closest(".w");
      if (word && !String(getSelection())) this.onChoose(Number(word.dataset.s));
    });
    output.addEventListener("keydown", (event) => this.move(event));
    input.addEventListener("pointermove", (event) => this.pointSource(event));
    input.addEventListener("pointerleave", () => this.light(null));
  }

  /// Text that nothing is known of yet.
  plain(text) {
    this.explained = null;
    [this.sources, this.targets] = [[], []];
    this.output.textContent = text;
  }

  mirrorText(text) {
    this.mirror.textContent = `${text}\n`;
    this.sources = [];
  }

  /// An answer of /explain; `chosen` says which hypothesis of each sentence is shown.
  explain(explained, chosen = explained.sentences.map(() => 0)) {
    Object.assign(this, { explained, chosen, at: null });
    [this.sources, this.targets] = [[], []];
    const read = document.createDocumentFragment(), written = document.createDocumentFragment();
    read.append(explained.lead);
    written.append(explained.lead);
    explained.sentences.forEach((sentence, s) => {
      const hypothesis = sentence.hypotheses[chosen[s]];
      this.sources.push(append(read, sentence.words, sentence.lead, sentence.gap, s, "source"));
      const group = document.createElement("span");
      group.className = "sentence";
      this.targets.push(append(group, hypothesis.words, hypothesis.lead, "", s, "target"));
      written.append(group, sentence.gap);
      hypothesis.words.forEach((word, w) => {
        const made = this.targets[s][w];
        if (word.logProbability !== null) {
          const sure = Math.exp(word.logProbability);
          made.style.setProperty("--d", String(Math.round(100 * (1 - sure) ** 1.5)));
        }
        made.setAttribute("role", "button");
        made.setAttribute("aria-label", this.spoken(sentence, hypothesis, w));
      });
    });
    read.append("\n");
    this.mirror.replaceChildren(read);
    this.output.replaceChildren(written);
    const first = this.output.querySelector(".w");
    if (first) first.tabIndex = 0;
  }

  get text() { return this.output.textContent; }

  spoken(sentence, hypothesis, w) {
    const row = hypothesis.attention[w] ?? [];
    const best = row.reduce((most, value, i) => (value > (row[most] ?? 0) ? i : most), 0);
    const from = row.length && row[best] > least ? `, from ${sentence.words[best].text}` : "";
    const word = hypothesis.words[w];
    const sure = word.logProbability === null ? "" : `, ${percent(Math.exp(word.logProbability))} sure`;
    return `${word.text}${from}${sure}`;
  }

  point(word) {
    if (!word) return this.light(null);
    this.light({ side: "target", s: Number(word.dataset.s), w: Number(word.dataset.w) });
  }

  /// The source's words lie behind the text field, so that they are looked for by place.
  pointSource(event) {
    for (const [s, words] of this.sources.entries()) {
      for (const [w, word] of words.entries()) {
        for (const box of word.getClientRects()) {
          if (event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom) {
            return this.light({ side: "source", s, w });
          }
        }
      }
    }
    this.light(null);
  }

  light(at) {
    if (at?.side === this.at?.side && at?.s === this.at?.s && at?.w === this.at?.w) return;
    for (const word of [...this.sources.flat(), ...this.targets.flat()]) {
      word.classList.remove("on");
      word.style.removeProperty("--a");
    }
    this.at = at;
    if (!at || !this.explained) return;
    const hypothesis = this.explained.sentences[at.s].hypotheses[this.chosen[at.s]];
    const [own, other] = at.side === "target" ? [this.targets, this.sources] : [this.sources, this.targets];
    own[at.s][at.w].classList.add("on");
    other[at.s]?.forEach((word, i) => {
      const weight = (at.side === "target" ? hypothesis.attention[at.w]?.[i] : hypothesis.attention[i]?.[at.w]) ?? 0;
      if (weight >= least) word.style.setProperty("--a", String(Math.round(12 + weight * 48)));
    });
  }

  /// The arrow keys go from word to word; only one of them is in the order of tabs.
  move(event) {
    const words = this.targets.flat();
    const at = words.indexOf(document.activeElement);
    if (at < 0) return;
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: words.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.onChoose(Number(words[at].dataset.s));
    } else if (next !== undefined && words[next]) {
      event.preventDefault();
      words[at].tabIndex = -1;
      words[next].tabIndex = 0;
      words[next].focus();
    }
  }
}

function append(host, words, lead, gap, s, side) {
  host.append(lead);
  const made = words.map((word, w) => {
    const span = document.createElement("span");
    span.className = "w";
    span.textContent = word.text;
    Object.assign(span.dataset, { s, w, side });
    if (side === "target") span.tabIndex = -1;
    host.append(span, word.gap);
    return span;
  });
  host.append(gap);
  return made;
}

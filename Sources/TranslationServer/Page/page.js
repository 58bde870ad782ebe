// The page: type on the left, read on the right, look inside below.

import { get, post, Refusal, remember, remembered, useKey } from "./api.js";
import { drawHeat } from "./attention.js";
import { describe, drawEnded, drawTree, steps } from "./tree.js";
import { Words } from "./words.js";

const $ = (id) => document.getElementById(id);
const [input, output, source, target] = ["input", "output", "source", "target"].map($);

/// Milliseconds after the last key before a translation is asked for, and before it is to be explained.
const pause = 160, explainPause = 420;
/// Characters of the longest text that is explained.
const longestExplained = 3000;

const words = new Words($("mirror"), output, input, chooseSentence);
let languages = [];
let limit = -1;
let wanted = null;
let timer = 0, explainTimer = 0;
let sentence = 0;
let byPieces = false;
let drawn = null, player = 0;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// Languages

async function start() {
  try {
    const [known, settings] = await Promise.all([get("languages"), get("frontend/settings").catch(() => ({}))]);
    languages = known;
    limit = settings.charLimit ?? -1;
    $("keyform").hidden = !settings.keyRequired || Boolean(remembered("mt-key"));
    fillLanguages(settings.language ?? {});
    changed();
  } catch (error) {
    trouble(`The server does not answer: ${error.message}`);
  }
}

function option(code, name) {
  const made = document.createElement("option");
  [made.value, made.textContent] = [code, name];
  return made;
}

function fillLanguages(defaults) {
  const from = languages.filter((language) => targetsOf(language).length > 0);
  source.replaceChildren(...from.map((language) => option(language.code, language.name)));
  if (from.length > 1) source.append(option("auto", "Detect language"));
  const kept = remembered("mt-source") ?? defaults.source?.code;
  if ([...source.options].some((each) => each.value === kept)) source.value = kept;
  fillTargets(remembered("mt-target") ?? defaults.target?.code);
}

function language(code) { return languages.find((each) => each.code === code); }

/// What a language is translated to; itself is no translation.
function targetsOf(language) { return language?.targets.filter((code) => code !== language.code) ?? []; }

/// Those that the source's language has a model for.
function fillTargets(kept) {
  const codes = source.value === "auto" ? [...new Set(languages.flatMap(targetsOf))] : targetsOf(language(source.value));
  const before = kept ?? target.value;
  target.replaceChildren(...codes.map((code) => option(code, language(code)?.name ?? code)));
  if (codes.includes(before)) target.value = before;
  $("swap").disabled = !canSwap();
}

function canSwap() {
  const back = targetsOf(language(target.value));
  return source.value === "auto" ? back.length > 0 : back.includes(source.value);
}

function swap() {
  if (!canSwap()) return;
  const to = target.value;
  const from = source.value === "auto" ? detected ?? targetsOf(language(to))[0] : source.value;
  const text = words.text;
  source.value = to;
  fillTargets(from);
  if (text.trim()) input.value = text;
  keepLanguages();
  changed();
}

function keepLanguages() {
  remember("mt-source", source.value);
  remember("mt-target", target.value);
}

// Translation

let detected = null;

function changed() {
  const text = input.value;
  words.mirrorText(text);
  $("clear").hidden = !text;
  const over = limit >= 0 && [...text].length > limit;
  $("count").textContent = limit >= 0 && text.length > limit * 0.8 ? `${[...text].length} of ${limit}` : "";
  document.body.classList.toggle("long", text.length > 400);
  clearTimeout(timer);
  clearTimeout(explainTimer);
  wanted?.abort();
  closeChoices();
  trouble("");
  if (!text.trim() || over) {
    words.plain("");
    detected = null;
    settled("");
    if (over) trouble(`That is more than the ${limit} characters this server takes.`);
    return look();
  }
  output.classList.add("stale");
  timer = setTimeout(translate, pause);
}

async function translate() {
  const request = new AbortController();
  wanted = request;
  const [text, began] = [input.value, performance.now()];
  const pair = { source: source.value, target: target.value };
  try {
    const body = await post("translate", { q: text, ...pair, format: "text" }, request.signal);
    detected = body.detectedLanguage?.language ?? null;
    words.plain(body.translatedText);
    settled(`in ${Math.max(1, Math.round(performance.now() - began))} ms`);
    if (text.length > longestExplained) return look();
    explainTimer = setTimeout(() => explain(text, pair, request), Math.max(0, explainPause - pause));
  } catch (error) {
    failed(error);
  }
}

async function explain(text, pair, request) {
  try {
    const from = pair.source === "auto" ? detected ?? "auto" : pair.source;
    const wish = { q: text, source: from, target: pair.target, alternatives: 4, tree: true };
    const explained = await post("explain", wish, request.signal);
    if (input.value !== text) return;
    words.explain(explained);
    sentence = Math.min(sentence, explained.sentences.length - 1);
    const warnings = explained.sentences.flatMap((each) => each.warnings);
    if (warnings.length) trouble(warnings[0]);
    look();
  } catch (error) {
    // The translation is there all the same; only the look inside is not.
    if (error.name !== "AbortError" && error.status !== 400) failed(error);
    look(error.status === 400 ? error.message : "");
  }
}

function failed(error) {
  if (error.name === "AbortError") return;
  output.classList.remove("stale");
  if (error instanceof Refusal && error.retryAfter > 0 && error.retryAfter < 20) {
    trouble("The server is busy; trying again in a moment.");
    timer = setTimeout(translate, error.retryAfter * 1000);
    return;
  }
  if (error.status === 403) $("keyform").hidden = false;
  trouble(error instanceof Refusal ? error.message : "The server does not answer.");
}

function settled(message) {
  output.classList.remove("stale");
  output.lang = target.value;
  input.lang = source.value === "auto" ? detected ?? "" : source.value;
  $("status").textContent = message;
  $("copy").disabled = !words.text;
  const name = language(detected)?.name;
  $("detected").textContent = source.value === "auto" && name ? `${name}, it seems` : "";
  $("spoken").textContent = words.text;
}

function trouble(message) {
  $("trouble").textContent = message;
  $("trouble").hidden = !message;
}

async function copy() {
  if (!words.text) return;
  try {
    await navigator.clipboard.writeText(words.text);
  } catch {
    getSelection().selectAllChildren(output);
    document.execCommand("copy");
    getSelection().removeAllRanges();
  }
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy"; }, 1400);
}

// Other translations

function chooseSentence(index) {
  sentence = index;
  const { sentences } = words.explained;
  const best = sentences[index].hypotheses[words.chosen[index]];
  const list = sentences[index].hypotheses.map((hypothesis, rank) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "choice";
    button.setAttribute("aria-pressed", String(rank === words.chosen[index]));
    const text = document.createElement("span");
    const known = new Set(best.words.map((word) => word.text));
    for (const word of hypothesis.words) {
      const made = known.has(word.text) ? document.createTextNode(word.text) : document.createElement("mark");
      made.textContent = word.text;
      text.append(made, word.gap);
    }
    const score = document.createElement("span");
    score.className = "soft number";
    score.textContent = hypothesis.score.toFixed(3);
    score.title = `score; log P ${hypothesis.logProbability.toFixed(2)}`;
    button.append(text, score);
    button.addEventListener("click", () => {
      words.chosen[index] = rank;
      words.explain(words.explained, words.chosen);
      settled("");
      chooseSentence(index);
      $("choices").querySelectorAll(".choice")[rank].focus();
    });
    return button;
  });
  $("choices").replaceChildren(...list);
  $("choices").hidden = false;
  output.querySelectorAll(".sentence").forEach((each, at) => {
    each.classList.toggle("chosen", at === index && sentences.length > 1);
  });
  look();
}

function closeChoices() { $("choices").hidden = true; }

// A look inside

function toggle(panel, button) {
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-expanded", String(!panel.hidden));
  look();
  if (!panel.hidden) panel.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
}

function look(why = "") {
  const explained = words.explained?.sentences[sentence];
  if (!$("attention").hidden) {
    const hypothesis = explained?.hypotheses[words.chosen[sentence]];
    if (!hypothesis) {
      $("heat").replaceChildren();
    } else if (byPieces && hypothesis.pieces.length) {
      drawHeat($("heat"), texts(hypothesis.pieces), [...explained.pieces, "end"], hypothesis.pieceAttention);
    } else {
      drawHeat($("heat"), texts(hypothesis.words), texts(explained.words), hypothesis.attention);
    }
  }
  if (!$("tree").hidden) lookAtTree(explained?.tree, why);
}

function texts(words) { return words.map((word) => word.text); }

function lookAtTree(tree, why) {
  stop();
  drawn = null;
  $("tree-node").textContent = "";
  const about = $("tree-about");
  for (const part of [$("play"), $("step")]) part.disabled = !tree;
  if (!tree) {
    $("tree-scroll").replaceChildren();
    $("ended").tBodies[0]?.remove();
    $("ended").tHead?.remove();
    about.textContent = why
      || (words.explained ? "This sentence is too long to draw." : "Write a short sentence to see how it was found.");
    return;
  }
  const count = steps(tree);
  about.textContent = `A beam of ${tree.beam}: at each step the most probable continuations, best on top. `
    + "Faint ones had no place; framed ones finished, with their score; the bold path was chosen.";
  drawn = drawTree($("tree-scroll"), tree, (node) => { $("tree-node").textContent = node === null ? "" : describe(tree, node); });
  drawEnded($("ended"), tree);
  [$("step").max, $("step").value] = [count, count];
}

function stop() {
  clearInterval(player);
  player = 0;
  $("play").textContent = "▶";
  $("play").setAttribute("aria-label", "Play the search");
}

function play() {
  if (player) return stop();
  if (Number($("step").value) >= Number($("step").max)) showStep(1);
  $("play").textContent = "❚❚";
  $("play").setAttribute("aria-label", "Pause");
  player = setInterval(() => {
    const next = Number($("step").value) + 1;
    showStep(next);
    if (next >= Number($("step").max)) stop();
  }, 700);
}

function showStep(step) {
  $("step").value = step;
  drawn?.upTo(step);
}

function pieces(wanted) {
  byPieces = wanted;
  $("by-words").setAttribute("aria-pressed", String(!wanted));
  $("by-pieces").setAttribute("aria-pressed", String(wanted));
  look();
}

function confidence() {
  const isOn = output.classList.toggle("confidence");
  $("show-confidence").setAttribute("aria-pressed", String(isOn));
  $("legend").hidden = !isOn;
}

// Colours

const themes = { auto: ["◐", "as the system"], light: ["☀", "light"], dark: ["☾", "dark"] };

function theme(name) {
  const chosen = themes[name] ? name : "auto";
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  $("theme").textContent = themes[chosen][0];
  $("theme").setAttribute("aria-label", `Colours: ${themes[chosen][1]}`);
  remember("mt-theme", chosen);
}

// Hands

input.addEventListener("input", changed);
source.addEventListener("change", () => { fillTargets(); keepLanguages(); changed(); });
target.addEventListener("change", () => { $("swap").disabled = !canSwap(); keepLanguages(); changed(); });
$("swap").addEventListener("click", swap);
$("clear").addEventListener("click", () => { input.value = ""; changed(); input.focus(); });
$("copy").addEventListener("click", copy);
$("show-confidence").addEventListener("click", confidence);
$("show-attention").addEventListener("click", () => toggle($("attention"), $("show-attention")));
$("show-tree").addEventListener("click", () => toggle($("tree"), $("show-tree")));
$("by-words").addEventListener("click", () => pieces(false));
$("by-pieces").addEventListener("click", () => pieces(true));
$("play").addEventListener("click", play);
$("step").addEventListener("input", () => { stop(); showStep(Number($("step").value)); });
$("help").addEventListener("click", () => $("keys").showModal());
$("theme").addEventListener("click", () => {
  const names = Object.keys(themes);
  theme(names[(names.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % names.length]);
});
$("keyform").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey($("key").value);
  $("keyform").hidden = true;
  changed();
});
document.addEventListener("keydown", (event) => {
  if (event.altKey && !event.ctrlKey && event.code === "KeyX") { event.preventDefault(); return swap(); }
  if (event.altKey && !event.ctrlKey && event.code === "KeyC") { event.preventDefault(); return copy(); }
  if (event.key === "Escape") { closeChoices(); return; }
  if (event.target.closest("input, textarea, select, dialog") || event.ctrlKey || event.metaKey || event.altKey) return;
  const hand = {
    "/": () => input.focus(), "?": () => $("keys").showModal(), u: confidence,
    a: () => $("show-attention").click(), s: () => $("show-tree").click(),
  }[event.key];
  if (hand) { event.preventDefault(); hand(); }
});

theme(remembered("mt-theme") ?? "auto");
start();

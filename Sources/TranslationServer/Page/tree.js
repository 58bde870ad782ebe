// The beam's tree: a column for each step, in it the hypotheses that were weighed, the most probable on top.

import { percent } from "./attention.js";

const row = 31, gap = 34, high = 22, left = 6, top = 26;
const space = "\u2581";

/// How a piece is shown: one that goes on with a word begins with a hyphen.
export function shown(piece) {
  if (piece === "</s>") return "end";
  if (piece === space) return "␣";
  if (piece.startsWith(space)) return piece.slice(1);
  return /^[\p{L}\p{N}]/u.test(piece) ? `-${piece}` : piece;
}

/// What a hypothesis reads so far.
export function textOf(tree, index) {
  const pieces = [];
  for (let at = index; at !== null; at = tree.nodes[at].parent) pieces.unshift(tree.nodes[at].text);
  return pieces.filter((piece) => piece !== "</s>").join("").replaceAll(space, " ").trim();
}

export function pathOf(tree, index) {
  const path = new Set();
  for (let at = index; at !== null && at !== undefined; at = tree.nodes[at].parent) path.add(at);
  return path;
}

export function steps(tree) {
  return tree.nodes.reduce((most, node) => Math.max(most, node.step + 1), 0);
}

const fates = {
  alive: "stayed in the beam", pruned: "pruned: no place in the beam", finished: "finished",
  stopped: "in the beam when the search ended",
};

export function describe(tree, index) {
  const node = tree.nodes[index];
  const score = node.score === null ? "" : `, score ${node.score.toFixed(3)}`;
  return `“${textOf(tree, index)}” · ${shown(node.text)} ${percent(Math.exp(node.tokenLogProbability))}, `
    + `log P ${node.logProbability.toFixed(2)}${score} · ${fates[node.fate]}`;
}

function element(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/// Draws into `host`; `onNode` is told which node is looked at, or null. The result shows the first steps only.
export function drawTree(host, tree, onNode) {
  const count = steps(tree);
  const won = pathOf(tree, tree.chosen ?? tree.results[0]);
  const widths = Array(count).fill(24);
  for (const node of tree.nodes) {
    widths[node.step] = Math.max(widths[node.step], shown(node.text).length * 7.4 + 16 + (node.score === null ? 0 : 38));
  }
  const places = [];
  widths.reduce((x, width) => (places.push(x), x + width + gap), left);
  const deepest = tree.nodes.reduce((most, node) => Math.max(most, node.rank), 0);
  const width = places[count - 1] + widths[count - 1] + left;
  const height = top + (deepest + 1) * row;
  const svg = element("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${tree.nodes.length} hypotheses in ${count} steps; the table below has those that finished`,
  });
  const middle = (node) => top + node.rank * row + high / 2;
  const edges = element("g", {}), nodes = element("g", {});
  const shapes = [];
  for (let step = 0; step < count; step += 1) {
    svg.append(element("text", { x: places[step] + 8, y: 14, class: "axis" }, String(step + 1)));
  }
  tree.nodes.forEach((node, index) => {
    const kind = `${node.fate}${won.has(index) ? " won" : ""}`;
    const own = [];
    if (node.parent !== null) {
      const parent = tree.nodes[node.parent];
      const from = places[parent.step] + (parent.width ?? 24), to = places[node.step];
      const bend = (to - from) * 0.5;
      own.push(element("path", {
        class: `edge ${kind}`,
        d: `M${from} ${middle(parent)}C${from + bend} ${middle(parent)} ${to - bend} ${middle(node)} ${to} ${middle(node)}`,
      }));
      edges.append(own[0]);
    }
    node.width = shown(node.text).length * 7.4 + 16;
    const group = element("g", { class: `node ${kind}`, transform: `translate(${places[node.step]} ${top + node.rank * row})` });
    group.append(
      element("rect", { width: node.width, height: high, rx: 8 }),
      element("text", { x: node.width / 2, y: 15.5, "text-anchor": "middle" }, shown(node.text)));
    if (node.score !== null) {
      group.append(element("text", { x: node.width + 5, y: 15, class: "score" }, node.score.toFixed(2)));
    }
    group.append(element("title", {}, describe(tree, index)));
    group.addEventListener("pointerenter", () => look(index));
    group.addEventListener("click", () => look(index));
    nodes.append(group);
    own.push(group);
    shapes.push(own);
  });
  function look(index) {
    const path = index === null ? new Set() : pathOf(tree, index);
    shapes.forEach((own, at) => own.forEach((shape) => shape.classList.toggle("path", path.has(at))));
    onNode(index);
  }
  svg.addEventListener("pointerleave", () => look(null));
  svg.append(edges, nodes);
  host.replaceChildren(svg);
  return {
    upTo(step) {
      tree.nodes.forEach((node, at) => shapes[at].forEach((shape) => shape.classList.toggle("later", node.step >= step)));
      const right = places[Math.min(step, count) - 1] + widths[Math.min(step, count) - 1];
      if (step < count && right > host.scrollLeft + host.clientWidth) host.scrollLeft = right - host.clientWidth + gap;
      if (step === 1) host.scrollLeft = 0;
    },
  };
}

/// The finished hypotheses, best first.
export function drawEnded(table, tree) {
  const head = document.createElement("thead");
  const titles = head.insertRow();
  for (const title of ["Finished", "log P", "score"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    titles.append(cell);
  }
  const body = document.createElement("tbody");
  const ended = tree.nodes.map((_, index) => index).filter((index) => tree.nodes[index].score !== null)
    .sort((a, b) => tree.nodes[b].score - tree.nodes[a].score);
  for (const index of ended) {
    const row = body.insertRow();
    row.classList.toggle("won", index === (tree.chosen ?? tree.results[0]));
    row.insertCell().textContent = textOf(tree, index) || "(nothing)";
    row.insertCell().textContent = tree.nodes[index].logProbability.toFixed(2);
    row.insertCell().textContent = tree.nodes[index].score.toFixed(3);
  }
  const caption = table.caption;
  table.replaceChildren(caption, head, body);
}

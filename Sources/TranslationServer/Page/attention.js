// The heat map: which word of the source each word of the translation was made from.

/// `map` is [row][column]; rows may sum to less than one.
export function drawHeat(table, rows, columns, map) {
  const head = document.createElement("thead");
  const top = head.insertRow();
  top.append(corner());
  for (const column of columns) {
    const cell = document.createElement("th");
    cell.scope = "col";
    const name = document.createElement("span");
    name.textContent = column;
    cell.append(name);
    top.append(cell);
  }
  const body = document.createElement("tbody");
  rows.forEach((name, r) => {
    const row = body.insertRow();
    const title = document.createElement("th");
    title.scope = "row";
    title.textContent = name;
    row.append(title);
    columns.forEach((column, c) => {
      const weight = map[r]?.[c] ?? 0;
      const cell = row.insertCell();
      cell.style.setProperty("--a", String(Math.round(weight * 100)));
      cell.classList.toggle("full", weight >= 0.6);
      cell.textContent = weight.toFixed(2).replace(/^0/, "");
      cell.title = `${name} ← ${column}: ${percent(weight)}`;
    });
  });
  table.replaceChildren(caption(), head, body);
}

function corner() {
  const cell = document.createElement("td");
  cell.style.background = "none";
  return cell;
}

function caption() {
  const caption = document.createElement("caption");
  caption.className = "sr";
  caption.textContent = "Attention: rows are the words written, columns the words read";
  return caption;
}

export function percent(share) {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`;
}

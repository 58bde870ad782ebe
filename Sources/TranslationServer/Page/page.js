"use strict";

const element = (id) => document.getElementById(id);

async function showLanguages() {
  const languages = await (await fetch("languages")).json();
  const fill = (select, codes) => {
    select.replaceChildren(...codes.map((code) => new Option(languages.find((l) => l.code === code)?.name ?? code, code)));
  };
  fill(element("source"), languages.filter((l) => l.targets.length > 0).map((l) => l.code));
  const showTargets = () => fill(element("target"), languages.find((l) => l.code === element("source").value)?.targets ?? []);
  element("source").addEventListener("change", showTargets);
  showTargets();
}

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const response = await fetch("translate", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      q: element("text").value, source: element("source").value, target: element("target").value, format: "text",
    }),
  });
  const answer = await response.json();
  element("translation").textContent = response.ok ? answer.translatedText : answer.error;
});

showLanguages();

// The list of alerts: what is new appears without moving what is there, and keys work it off.
"use strict";

const rows = () => [...document.querySelectorAll("#list tbody tr")];
const picked = () => rows().filter((row) => row.querySelector("input[name=ids]").checked).map((row) => row.dataset.id);
let chosen = null;
let unseen = new Set();

function choose(row) {
  for (const one of rows()) one.setAttribute("aria-selected", String(one === row));
  chosen = row?.dataset.id ?? null;
  row?.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.dataset.id === chosen);
  choose(all[Math.min(all.length - 1, Math.max(0, at === -1 ? 0 : at + by))]);
}

function showUnseen() {
  const button = document.getElementById("fresh");
  button.disabled = unseen.size === 0;
  button.textContent = unseen.size ? `Show ${unseen.size} new` : "Nothing new";
  button.classList.toggle("primary", unseen.size > 0);
}

function refresh() {
  unseen = new Set();
  showUnseen();
  htmx.ajax("GET", location.pathname + location.search, { target: "#list", swap: "innerHTML" });
}

function follow() {
  const events = new EventSource("/alerts/live");
  let waiting = new Map();
  const word = (on, text) => {
    document.getElementById("pulse").classList.toggle("on", on);
    document.getElementById("live-word").textContent = text;
  };
  events.onopen = () => word(true, "live");
  events.onerror = () => word(false, "reconnecting …");
  events.addEventListener("alert", (event) => {
    const change = JSON.parse(event.data);
    if (!waiting.size) setTimeout(settle, 300);
    waiting.set(change.id, change);
  });
  // Many may change at once: they are looked at together, a few times a second.
  function settle() {
    const changes = [...waiting.values()];
    waiting = new Map();
    htmx.ajax("GET", "/alerts/just-in", { target: "#just-in", swap: "innerHTML" });
    for (const { id, gone } of changes) {
      const row = document.getElementById(`a-${id}`);
      if (row) htmx.ajax("GET", `/alerts/${id}/row`, { target: row, swap: "outerHTML" });
      else if (!gone) unseen.add(id);
      if (gone) unseen.delete(id);
    }
    showUnseen();
    // An empty page has nothing that could move.
    if (unseen.size && !rows().length) refresh();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea, dialog[open]")) return;
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    x: () => chosen && document.querySelector(`#a-${chosen} input[name=ids]`)?.click(),
    n: () => document.getElementById("fresh").disabled || refresh(),
    "/": () => document.getElementById("q").focus(),
    "?": () => document.getElementById("keys-card").showModal(),
    Enter: () => chosen && event.target.tagName !== "A" && event.target.tagName !== "BUTTON" && location.assign(`/alerts/${chosen}`),
  };
  if (!(event.key in actions)) return;
  if (event.key !== "Enter") event.preventDefault();
  actions[event.key]();
});

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("keys").addEventListener("click", () => document.getElementById("keys-card").showModal());
  document.getElementById("fresh").addEventListener("click", refresh);
  document.getElementById("list").addEventListener("change", (event) => {
    if (event.target.id === "pick-all") for (const box of document.querySelectorAll("#list input[name=ids]")) box.checked = event.target.checked;
  });
  document.addEventListener("htmx:afterSettle", () => { const row = chosen && document.getElementById(`a-${chosen}`); if (row) choose(row); });
  follow();
});

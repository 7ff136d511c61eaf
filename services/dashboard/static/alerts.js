// The list of alerts: what is new appears without moving what is there, and keys work it off.
"use strict";

const rows = () => [...document.querySelectorAll("#list tbody tr")];
const picked = () => rows().filter((row) => row.querySelector("input[name=ids]").checked).map((row) => row.dataset.id);
let chosen = null;
let unseen = new Set();
// Whether anything has changed of which no event told.
let missed = false;

function choose(row) {
  for (const one of rows()) one.setAttribute("aria-selected", String(one === row));
  chosen = row?.dataset.id ?? null;
  showPicked();
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.dataset.id === chosen);
  const row = all[Math.min(all.length - 1, Math.max(0, at === -1 ? 0 : at + by))];
  choose(row);
  row.scrollIntoView({ block: "nearest" });
}

function showUnseen() {
  const button = document.getElementById("fresh");
  button.disabled = !unseen.size && !missed;
  button.textContent = missed ? "Show what is new" : unseen.size ? `Show ${unseen.size} new` : "Nothing new";
  button.classList.toggle("primary", !button.disabled);
}

function refresh() {
  unseen = new Set();
  missed = false;
  showUnseen();
  fetched(location.pathname + location.search, document.getElementById("list"), "innerHTML");
}

// Each part waits for its own answer only: of requests that begin at one element, htmx keeps the last and drops those between.
const fetched = (address, part, swap) => htmx.ajax("GET", address, { source: part, target: part, swap });

// Those that are picked, else the one that is chosen.
const meant = () => { const ids = picked(); return ids.length ? ids : chosen ? [chosen] : []; };

function act(address, values, ids = meant()) {
  if (ids.length) htmx.ajax("POST", address, { values: { ids, ...values }, swap: "none" });
}

function ask({ title, hint, label, yes, most = "reason", then }) {
  // Those that were meant when the question was asked.
  const ids = meant();
  const many = ids.length;
  if (!many) return;
  const dialog = document.getElementById("ask");
  document.getElementById("ask-title").textContent = `${title} ${many} ${many === 1 ? "alert" : "alerts"}`;
  document.getElementById("ask-hint").textContent = hint;
  document.getElementById("ask-label").textContent = label;
  document.getElementById("ask-yes").textContent = yes;
  const text = document.getElementById("ask-text");
  text.value = "";
  text.dataset.most = dialog.dataset[most];
  measure(text);
  dialog.onclose = () => { if (dialog.returnValue === "yes" && text.value.trim()) then(text.value.trim(), ids); };
  dialog.returnValue = "no";
  dialog.showModal();
}

const why = "Why (it stands in the audit trail: name no person)";
const deeds = {
  assign: () => act("/alerts/assign", { assignee: "me" }),
  triage: () => ask({ title: "Triage", hint: "They are worth a look, and wait for an assessment.", label: why, yes: "Triage", then: (reason, ids) => act("/alerts/move", { state: "triaged", reason }, ids) }),
  close: () => ask({ title: "Close", hint: "This cannot be undone. Reports that come later open a new episode.", label: why, yes: "Close", then: (reason, ids) => act("/alerts/move", { state: "closed", reason }, ids) }),
  comment: () => ask({ title: "Comment on", hint: "", label: "Comment", yes: "Add", most: "comment", then: (text, ids) => act("/alerts/comment", { text }, ids) }),
};

function showPicked() {
  const word = document.getElementById("picked");
  if (!word) return;
  const many = picked().length;
  word.textContent = many ? `${many} picked` : chosen ? "the chosen one" : "none picked";
  for (const name of Object.keys(deeds)) document.getElementById(name).disabled = !meant().length;
}

let undoing = null;

// A row is made anew in its place, and stays picked if it was.
async function renew(row) {
  const { id } = row.dataset;
  const was = row.querySelector("input[name=ids]").checked;
  await fetched(`/alerts/${id}/row${location.search}`, row, "outerHTML");
  const box = document.querySelector(`#a-${id} input[name=ids]`);
  if (box) box.checked = was;
  showPicked();
}

function follow() {
  const events = new EventSource("/alerts/live");
  let waiting = new Map();
  let version = Number(document.getElementById("list").dataset.version);
  const word = () => {
    const away = document.querySelector("#just-in .away");
    const on = events.readyState === EventSource.OPEN;
    document.getElementById("pulse").classList.toggle("on", on && !away);
    document.getElementById("live-word").textContent = on ? (away ? "not live" : "live") : "reconnecting …";
  };
  const strip = () => fetched("/alerts/just-in", document.getElementById("just-in"), "innerHTML").then(word);
  events.onopen = events.onerror = word;
  events.addEventListener("standing", (event) => {
    const standing = JSON.parse(event.data);
    strip();
    if (standing.version !== version) {
      // Between the page and its events, or while the connection was broken.
      version = standing.version;
      missed = true;
      showUnseen();
      if (!rows().length) refresh();
    }
    const note = document.getElementById("trouble");
    if (!note || standing.away) return;
    note.className = "done";
    note.textContent = "Alerts are read on, and are shown as they are now.";
  });
  events.addEventListener("alert", (event) => {
    const change = JSON.parse(event.data);
    version = change.version;
    if (!waiting.size) setTimeout(settle, 300);
    waiting.set(change.id, change);
  });
  // Many may change at once: they are looked at together, a few times a second.
  function settle() {
    const changes = [...waiting.values()];
    waiting = new Map();
    strip();
    for (const { id, gone, new: isNew } of changes) {
      const row = document.getElementById(`a-${id}`);
      if (row) renew(row);
      else if (isNew) unseen.add(id);
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
    a: () => document.getElementById("assign") && deeds.assign(),
    c: () => document.getElementById("comment") && deeds.comment(),
    u: () => undoing && htmx.ajax("POST", "/undo", { values: { token: undoing }, swap: "none" }),
    "/": () => document.getElementById("q").focus(),
    "?": () => document.getElementById("keys-card").showModal(),
    Enter: () => chosen && event.target.tagName !== "A" && event.target.tagName !== "BUTTON" && document.querySelector(`#a-${chosen} a`)?.click(),
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
    showPicked();
  });
  document.addEventListener("htmx:afterSettle", () => { const row = chosen && document.getElementById(`a-${chosen}`); if (row) choose(row); showPicked(); });
  for (const [name, deed] of Object.entries(deeds)) document.getElementById(name)?.addEventListener("click", deed);
  follow();
});
// The address says what is wanted and nothing else; another filter keeps the order.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.id !== "filters") return;
  const now = new URLSearchParams(location.search);
  for (const name of ["sort", "order"]) if (now.has(name)) event.detail.parameters[name] = now.get(name);
  for (const [name, value] of Object.entries(event.detail.parameters)) if (value === "") delete event.detail.parameters[name];
});
// Views are of the list as the address says it now, which filters change without the page.
document.addEventListener("htmx:configRequest", (event) => { if (event.detail.elt.matches(".of-view, .of-view *")) event.detail.parameters.words = location.search.slice(1); });
document.addEventListener("htmx:pushedIntoHistory", () => {
  const now = new URLSearchParams(location.search).toString();
  for (const view of document.querySelectorAll("#views a")) new URLSearchParams(view.search).toString() === now ? view.setAttribute("aria-current", "true") : view.removeAttribute("aria-current");
});
document.addEventListener("adrwatch:said", (event) => { undoing = event.detail.undo ?? null; });
document.addEventListener("adrwatch:changed", refresh);

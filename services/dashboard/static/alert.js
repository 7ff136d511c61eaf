// The page of one alert: keys, what is wrong at its field, Naranjo's score while one answers.
"use strict";

const CLASSES = [[9, "definite"], [5, "probable"], [1, "possible"], [-Infinity, "doubtful"]];

function score(form) {
  const questions = [...form.querySelectorAll("fieldset[data-yes]")];
  const answers = questions.map((one) => one.querySelector("input:checked")?.value);
  const points = questions.reduce((sum, one, at) => sum + (answers[at] === "yes" ? Number(one.dataset.yes) : answers[at] === "no" ? Number(one.dataset.no) : 0), 0);
  const left = answers.filter((answer) => !answer).length;
  form.querySelector("[data-score]").textContent = left
    ? `${points} so far; ${left} questions left`
    : `Score ${points}: ${CLASSES.find(([from]) => points >= from)[1]}`;
}

function clear(form) {
  for (const one of form.querySelectorAll(".field-problem")) one.remove();
  for (const one of form.querySelectorAll("[aria-invalid]")) { one.removeAttribute("aria-invalid"); one.removeAttribute("aria-describedby"); }
}

function blame(form, field, words) {
  clear(form);
  const at = field && (form.querySelector(`[name="${field}"]:not([type=hidden]):not([type=radio]):not([type=checkbox])`) ?? form.querySelector(`[data-field="${field}"], [data-field^="${field}."]`));
  const said = Object.assign(document.createElement("p"), { className: "field-problem", id: `problem-${field || "form"}`, textContent: words });
  said.setAttribute("role", "alert");
  if (!at) { form.append(said); return; }
  (at.closest("label") ?? at).append(said);
  at.setAttribute("aria-invalid", "true");
  at.setAttribute("aria-describedby", said.id);
  at.focus?.();
}

document.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.elt.matches("form")) clear(event.detail.elt); });
const told = (problem, status) => problem ? decodeURIComponent(problem) : `The server answered ${status}.`;
document.addEventListener("htmx:responseError", (event) => {
  const { elt, xhr } = event.detail;
  const words = told(xhr.getResponseHeader("X-Problem"), xhr.status);
  if (xhr.status === 401 || !elt.matches("form, .loads")) return;
  // It stands where it belongs, and need not be said once more.
  event.stopImmediatePropagation();
  if (elt.matches("form")) { blame(elt, xhr.getResponseHeader("X-Field"), words); return; }
  const again = Object.assign(document.createElement("button"), { type: "button", textContent: "Try again" });
  again.addEventListener("click", () => htmx.trigger(elt, "load"));
  elt.replaceChildren(Object.assign(document.createElement("p"), { className: "note", textContent: words }), again);
}, true);
// An export is fetched: where it is refused, what is wrong stands at its field and what was typed stays; and the history shows it.
document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  if (!form.matches("[data-export]")) return;
  event.preventDefault();
  clear(form);
  form.setAttribute("aria-busy", "true");
  const address = button?.getAttribute("formaction") ?? form.getAttribute("action");
  try {
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { "HX-Request": "true" } });
    if (answer.status === 401) { location.reload(); return; }
    if (!answer.ok) { blame(form, answer.headers.get("X-Field"), told(answer.headers.get("X-Problem"), answer.status)); return; }
    const [, name] = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"));
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`${name} was written`);
    htmx.trigger(document.body, "adrwatch:changed");
  } catch {
    say("adrwatch does not answer. Nothing was exported.", { wrong: true });
  } finally {
    form.removeAttribute("aria-busy");
  }
});
document.addEventListener("change", (event) => {
  const form = event.target.closest("form");
  if (form?.querySelector("[data-score]")) score(form);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea, dialog[open]")) return;
  const actions = {
    j: () => document.getElementById("after")?.click(),
    k: () => document.getElementById("before")?.click(),
    a: () => document.getElementById("to-me")?.click(),
    c: () => document.querySelector("#comment textarea")?.focus(),
    e: () => { const at = document.getElementById("export"); at.scrollIntoView({ block: "center" }); at.querySelector("a, input:not([type=hidden])")?.focus(); },
    "?": () => document.getElementById("keys-card").showModal(),
  };
  if (!(event.key in actions)) return;
  event.preventDefault();
  actions[event.key]();
});
// What somebody opened stays open when a save has made the forms anew, and keys go on where they were.
let left = new Map();
let worked = null;
const named = (form) => form.closest("[data-form]")?.dataset.form ?? form.getAttribute("action");
const foldings = () => [...document.querySelectorAll("#dossier details.form")];
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "dossier") return;
  left = new Map(foldings().map((one) => [one.dataset.form, one.open]));
  worked = named(event.detail.requestConfig.elt);
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "dossier") for (const one of foldings()) one.open = left.get(one.dataset.form) ?? one.open;
});
document.addEventListener("htmx:afterSettle", () => {
  const form = worked !== null && [...document.querySelectorAll("#head form, #dossier form")].find((one) => named(one) === worked);
  worked = null;
  if (!form || document.activeElement !== document.body) return;
  (form.closest("details")?.querySelector("summary") ?? form.querySelector("button"))?.focus({ preventScroll: true });
});

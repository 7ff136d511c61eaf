// What every page does in the browser: times in the zone of who looks, the theme, messages.
"use strict";

const two = (number) => String(number).padStart(2, "0");

function local(moment) {
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())} ${two(moment.getHours())}:${two(moment.getMinutes())}`;
}

function ago(moment) {
  const seconds = Math.max(0, Math.floor((Date.now() - moment) / 1000));
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${seconds} s`;
}

function writeTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.textContent = "age" in time.dataset ? ago(moment) : local(moment);
  }
}

function say(text, { wrong = false, action = null } = {}) {
  const toast = document.createElement("div");
  toast.className = wrong ? "toast wrong" : "toast";
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (action) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: action.name });
    button.addEventListener("click", () => { toast.remove(); action.run(); });
    toast.append(button);
  }
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), wrong ? 15000 : 10000);
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it holds for this page */ }
  document.dispatchEvent(new CustomEvent("theme"));
}

// How long a text is and may be. A browser that is given a maxlength cuts off the end of what is pasted, and says nothing.
function measure(text) {
  const most = Number(text.dataset.most), long = [...text.value.trim()].length;
  const words = `${long.toLocaleString("en")} of ${most.toLocaleString("en")} characters`;
  text.setCustomValidity(long > most ? `${words}: shorten it` : "");
  document.getElementById(text.getAttribute("aria-describedby")).textContent = words;
}

document.addEventListener("input", (event) => { if (event.target.matches("textarea[data-most]")) measure(event.target); });
document.addEventListener("DOMContentLoaded", () => {
  writeTimes(document);
  setInterval(() => writeTimes(document), 30000);
  document.getElementById("theme")?.addEventListener("click", toggleTheme);
});
document.addEventListener("htmx:load", (event) => writeTimes(event.detail.elt));
// Before it is drawn: what is swapped beside its request hears of that first.
document.addEventListener("htmx:oobAfterSwap", (event) => writeTimes(event.detail.elt));
// What the server says of an action: {"say": "…", "undo": "token"} in the header HX-Trigger.
document.addEventListener("adrwatch:said", (event) => {
  const { text, wrong, undo } = event.detail;
  const action = undo && { name: "Undo", run: () => htmx.ajax("POST", "/undo", { values: { token: undo }, swap: "none" }) };
  say(text, { wrong, action });
});
document.addEventListener("htmx:responseError", (event) => {
  const problem = event.detail.xhr.getResponseHeader("X-Problem");
  if (event.detail.xhr.status === 401) { location.reload(); return; }
  if (stale(event.detail.elt)) return;
  say(problem ? decodeURIComponent(problem) : `The server answered ${event.detail.xhr.status}.`, { wrong: true });
});
document.addEventListener("htmx:sendError", (event) => {
  if (!stale(event.detail.elt)) say("adrwatch does not answer. What you did was not saved.", { wrong: true });
});
document.addEventListener("htmx:afterSwap", (event) => event.detail.elt.classList.remove("stale"));
document.addEventListener("htmx:beforeRequest", (event) => event.detail.target.setAttribute("aria-busy", "true"));
document.addEventListener("htmx:afterRequest", (event) => event.detail.target.removeAttribute("aria-busy"));
// A part that asks again and again loses its colours while there is no answer; a message each time would be one too many.
function stale(part) {
  const polls = "polls" in part.dataset;
  if (polls) part.classList.add("stale");
  return polls;
}

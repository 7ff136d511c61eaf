// Keys of the review queue, and marks on words: places are counted in code points, as the server counts them.
"use strict";

const marks = [];

function place(node, offset, words) {
  const before = document.createRange();
  before.setStart(words, 0);
  before.setEnd(node, offset);
  return Array.from(before.toString()).length;
}

function mark(type) {
  const words = document.getElementById("words");
  const chosen = getSelection();
  if (!words || !chosen.rangeCount || chosen.isCollapsed) { say("Select words of the post first."); return; }
  const range = chosen.getRangeAt(0);
  if (!words.contains(range.startContainer) || !words.contains(range.endContainer)) { say("Select words of the post only."); return; }
  const [start, end] = [place(range.startContainer, range.startOffset, words), place(range.endContainer, range.endOffset, words)];
  if (!marks.some((one) => one.start === start && one.end === end && one.type === type)) marks.push({ start, end, type });
  chosen.removeAllRanges();
  writeMarks();
}

function writeMarks() {
  const words = Array.from(document.getElementById("words").textContent);
  const list = document.getElementById("marks");
  for (const old of list.querySelectorAll("[data-of]")) old.remove();
  marks.forEach((one, index) => {
    const item = document.createElement("li");
    item.dataset.of = one.type;
    const shown = Object.assign(document.createElement("mark"), { className: one.type, textContent: words.slice(one.start, one.end).join("") });
    const gone = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "×" });
    gone.setAttribute("aria-label", `Take away the mark ${one.type}`);
    gone.addEventListener("click", () => { marks.splice(index, 1); writeMarks(); });
    item.append(shown, gone);
    list.append(item);
  });
  document.getElementById("spans").value = JSON.stringify(marks);
}

document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-mark]")) {
    // The selection must outlive the click.
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => mark(button.dataset.mark));
  }
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const buttons = { 1: "yes", 0: "no", s: "skip", u: "undo" };
  if (event.key in buttons) document.getElementById(buttons[event.key])?.click();
  else if (event.key === "d" && document.getElementById("words")) mark("drug");
  else if (event.key === "r" && document.getElementById("words")) mark("reaction");
});

// Runs before anything is painted, so that a page does not flash in the other theme.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* a browser that keeps nothing goes by the system's theme */ }

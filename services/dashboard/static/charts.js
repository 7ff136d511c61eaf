// Charts of counts a day with the band in which they are expected, in the colours of the page's theme.
"use strict";

function draw(place) {
  const { starts, counts, low, high } = JSON.parse(document.getElementById(place.dataset.series).textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const axis = { stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1 } };
  const whole = (_, values) => values.map((value) => (Number.isInteger(value) ? String(value) : ""));
  place.replaceChildren();
  const bars = uPlot.paths.bars({ size: [0.7, 40], align: 1 });
  return new uPlot({
    width: place.clientWidth, height: 240, cursor: { drag: { x: true, y: false } }, legend: { live: true },
    scales: { x: { time: true }, y: { range: (_, __, most) => [0, Math.max(1, most) * 1.1] } },
    axes: [axis, { ...axis, values: whole, size: 46 }],
    bands: [{ series: [3, 2], fill: colour("band") }],
    series: [
      { value: (_, seconds) => (seconds == null ? "–" : new Date(seconds * 1000).toISOString().slice(0, 10)), label: "day (UTC)" },
      { label: "reports", stroke: colour("series"), fill: colour("series"), paths: bars, points: { show: false } },
      { label: "expected, at least", stroke: colour("edge"), width: 1, dash: [3, 3], points: { show: false } },
      { label: "expected, at most", stroke: colour("edge"), width: 1, dash: [3, 3], points: { show: false } },
    ],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
  }, [starts, counts, low, high], place);
}

function drawAll(within) {
  for (const place of within.querySelectorAll(".chart[data-series]")) {
    const chart = draw(place);
    new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: 240 })).observe(place);
  }
}

document.addEventListener("DOMContentLoaded", () => drawAll(document));
document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) drawAll(event.detail.elt); });
document.addEventListener("theme", () => drawAll(document));

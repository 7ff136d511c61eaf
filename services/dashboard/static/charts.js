// Charts of counts by day. The numbers are those of the table below a chart: whoever cannot see the one reads the other.
"use strict";

const drawn = new Map();

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function columns(table) {
  const rows = [...table.tBodies[0].rows].sort((one, other) => one.dataset.at - other.dataset.at);
  const value = (row, name) => (row.dataset[name] === "" ? null : Number(row.dataset[name]));
  const inside = rows.filter((row) => "in" in row.dataset).map((row) => Number(row.dataset.at));
  return {
    data: ["at", "low", "high", "n"].map((name) => rows.map((row) => value(row, name))),
    window: inside.length ? [inside[0], inside.at(-1) + 86400] : null,
  };
}

function shade(window) {
  return (plot) => {
    if (!window) return;
    const [from, to] = window.map((at) => Math.min(Math.max(plot.valToPos(at, "x", true), plot.bbox.left), plot.bbox.left + plot.bbox.width));
    plot.ctx.save();
    plot.ctx.fillStyle = colour("chosen");
    plot.ctx.fillRect(from, plot.bbox.top, to - from, plot.bbox.height);
    plot.ctx.restore();
  };
}

function draw(element) {
  const table = document.getElementById(element.dataset.chart);
  if (!table) return;
  drawn.get(element)?.destroy();
  const { data, window } = columns(table);
  const axis = { stroke: colour("soft"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid") } };
  // A day's bar and band stand over the whole day.
  const step = uPlot.paths.stepped({ align: 1 });
  const still = (plot, value) => (value == null ? "–" : value);
  drawn.set(element, new uPlot({
    width: element.clientWidth, height: 240, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
    cursor: { drag: { x: true, y: false } },
    scales: { y: { range: (plot, low, high) => [0, Math.max(3, Math.ceil(high * 1.1))] } },
    axes: [axis, { ...axis, size: 40, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] }],
    series: [
      { label: "Day", value: (plot, at) => (at == null ? "–" : new Date(at * 1000).toISOString().slice(0, 10)) },
      { label: "Expected from", stroke: "transparent", paths: step, points: { show: false }, value: still },
      { label: "to", stroke: "transparent", paths: step, points: { show: false }, value: still },
      { label: "Reports", stroke: colour("series"), fill: colour("series"), width: 0, paths: uPlot.paths.bars({ size: [0.7], align: 1 }), points: { show: false }, value: still },
    ],
    bands: [{ series: [2, 1], fill: colour("band") }],
    hooks: { drawClear: [shade(window)] },
  }, data, element));
}

function drawAll(within = document) {
  for (const [element, plot] of drawn) if (!element.isConnected) { plot.destroy(); drawn.delete(element); }
  // What htmx has put in may be the chart itself.
  for (const element of (within.parentElement ?? within).querySelectorAll(".chart[data-chart]")) draw(element);
}

document.addEventListener("DOMContentLoaded", () => drawAll());
document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
document.addEventListener("theme", () => drawAll());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
addEventListener("resize", () => { for (const [element, plot] of drawn) plot.setSize({ width: element.clientWidth, height: 240 }); });

// Curves that zoom: uPlot (static/vendor) in the colors of the page.
// Drag to zoom, double-click to see all.

import uPlot from "./vendor/uPlot.esm.js";
import { el } from "./dom.js";

const COLORS = ["--accent", "--warn", "--good", "--bad", "--soft"];
const dark = matchMedia("(prefers-color-scheme: dark)");

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Make a chart. set(x, [[label, values], ...]) draws; mark(x) moves a vertical line;
 * note([[x, label], ...]) draws such lines with labels; a click calls `picked` with the index of
 * the nearest x.
 */
export function chart({ label, x: xLabel, height = 180, picked = null }) {
  const box = el("div", { class: "chart", role: "img", "aria-label": label });
  let plot = null;
  let shown = null;
  let marked = null;
  let notes = [];

  function options(names) {
    const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 },
      ticks: { stroke: color("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    return {
      width: Math.max(box.clientWidth, 120),
      height,
      scales: { x: { time: false } },
      axes: [{ ...axis, size: 34 }, { ...axis, size: 56 }],
      cursor: { drag: { x: true, y: false, dist: 6 }, points: { size: 7 } },
      series: [
        { label: xLabel, value: (_, value) => number(value) },
        ...names.map((name, index) => ({
          label: name,
          stroke: color(COLORS[index % COLORS.length]),
          dash: index >= COLORS.length ? [6, 4] : undefined,
          width: 1.75,
          points: { show: undefined, size: 4 },
          value: (_, value) => number(value),
        })),
      ],
      hooks: { draw: [drawMarks], ready: [listen] },
    };
  }

  function listen(self) {
    let from = 0;
    self.over.addEventListener("mousedown", (event) => (from = event.clientX));
    self.over.addEventListener("click", (event) => {
      const index = self.cursor.idx;
      if (picked && index !== null && Math.abs(event.clientX - from) < 6) picked(index);
    });
  }

  function drawMarks(self) {
    let [last, row] = [-Infinity, 0];
    for (const [x, label] of notes) {
      const at = self.valToPos(x, "x");
      row = at - last < 18 ? (row + 1) % 6 : 0; // labels that would cover each other go down
      last = at;
      drawLine(self, x, "--soft", label, row);
    }
    if (marked !== null) drawLine(self, marked, "--text", "", 0);
  }

  function drawLine(self, x, tint, label, row) {
    const at = Math.round(self.valToPos(x, "x", true));
    const { left, top, width, height: tall } = self.bbox;
    if (at < left || at > left + width) return;
    const ratio = devicePixelRatio;
    self.ctx.save();
    self.ctx.fillStyle = color(tint);
    self.ctx.fillRect(at - 1, top, label ? ratio : 2, tall);
    self.ctx.font = `600 ${12 * ratio}px system-ui, sans-serif`;
    self.ctx.textAlign = "right";
    self.ctx.fillText(label, at - 4 * ratio, top + (11 + 14 * row) * ratio);
    self.ctx.restore();
  }

  function make() {
    plot?.destroy();
    plot = null;
    if (!shown || !box.isConnected) return;
    plot = new uPlot(options(shown.names), shown.data, box);
  }

  dark.addEventListener("change", make);
  new ResizeObserver(() => {
    if (!shown) return;
    if (!plot) make();
    else if (box.clientWidth) plot.setSize({ width: Math.max(box.clientWidth, 120), height });
  }).observe(box);

  return {
    element: box,
    set(x, lines) {
      const names = lines.map(([name]) => name);
      const data = [x, ...lines.map(([, values]) => values)];
      const same = plot && JSON.stringify(names) === JSON.stringify(shown?.names);
      shown = { names, data };
      if (!same) return make();
      const { min, max } = plot.scales.x;
      const all = plot.data[0];
      const zoomed = all.length && (min > all[0] || max < all[all.length - 1]);
      plot.setData(data, !zoomed); // what was zoomed to stays while more comes
      if (zoomed) plot.setScale("x", { min, max });
    },
    mark(x) {
      marked = x;
      plot?.redraw(false);
    },
    note(lines) {
      notes = lines;
      plot?.redraw(false);
    },
  };
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  return Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 4 });
}

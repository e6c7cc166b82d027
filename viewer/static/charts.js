"use strict";
// Charts: one look for all of them, from the colours of the style sheet.

/** Colours that the colour-blind can tell apart (Okabe and Ito), dark enough on white and light enough on black. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f"];
const SYMBOLS = ["circle", "triangle", "rect", "diamond", "pin", "arrow", "roundRect"];

const charts = new Set();
const darkMode = matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * Draw a chart.
 * @param makeOption makes the option of ECharts; called again when light turns to dark.
 * @param description what the chart shows, for those who do not see it.
 */
function chart(makeOption, { height = 320, description, onclick } = {}) {
  const holder = h("div", { class: "chart", style: `height:${height}px`, role: "img", "aria-label": description });
  const known = { holder, makeOption, onclick, chart: null };
  charts.add(known);
  requestAnimationFrame(() => {
    if (holder.isConnected) draw(known);
  });
  return holder;
}

function draw(known) {
  known.chart?.dispose();
  known.chart = echarts.init(known.holder, null, { renderer: "canvas" });
  known.chart.setOption({ ...base(), ...known.makeOption() });
  if (known.onclick) known.chart.on("click", known.onclick);
}

function dropCharts() {
  for (const known of charts) {
    if (known.holder.isConnected) continue;
    known.chart?.dispose();
    charts.delete(known);
  }
}

addEventListener("resize", () => charts.forEach((known) => known.chart?.resize()));
addEventListener("beforeprint", () => charts.forEach((known) => known.chart?.resize()));
darkMode.addEventListener("change", () => charts.forEach((known) => known.holder.isConnected && draw(known)));

function base() {
  return {
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 250,
    color: COLOURS,
    backgroundColor: "transparent",
    textStyle: { color: colour("ink"), fontFamily: "inherit", fontSize: 12 },
    aria: { enabled: false },
  };
}

/** The look of an axis: name with unit, quiet lines. */
function axis(name, more = {}) {
  return {
    name,
    nameLocation: "middle",
    nameGap: more.nameGap ?? 30,
    nameTextStyle: { color: colour("quiet") },
    axisLabel: { color: colour("quiet"), hideOverlap: true, ...(more.axisLabel ?? {}) },
    axisLine: { lineStyle: { color: colour("line") } },
    splitLine: { lineStyle: { color: colour("line"), opacity: 0.6 } },
    ...Object.fromEntries(Object.entries(more).filter(([key]) => !["axisLabel", "nameGap"].includes(key))),
  };
}

/** The look of a legend: small symbols, quiet words. */
function legend(more) {
  return { top: 0, itemWidth: 14, itemHeight: 10, textStyle: { color: colour("quiet") }, ...more };
}

/** Marks for values from `low` to `high` at round distances of which no two read the same. */
function roundMarks(low, high, most = 6) {
  const rough = Math.max(high - low, 1e-9) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
  const digits = Math.min(9, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const round = (value) => Number(value.toFixed(digits));
  return { min: round(Math.floor(low / step + 1e-9) * step), max: round(Math.ceil(high / step - 1e-9) * step), step, digits };
}

/** Scores that differ by less are drawn as if they differed by this: they are told with three digits. */
const LEAST_RANGE = 0.002;

/** An axis of scores, with as many digits as tell its marks apart; `gap` is the room for these in pixels. */
function scoreAxis(name, scores) {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const margin = Math.max(0, LEAST_RANGE - (high - low)) / 2;
  const { min, max, step, digits: needed } = roundMarks(Math.max(0, low - margin), high + margin);
  const digits = Math.max(2, needed);
  const gap = 28 + 7 * digits;
  const axisLabel = { formatter: (value) => value.toFixed(digits) };
  return { gap, axis: axis(name, { type: "value", min, max, interval: step, nameGap: gap, axisLabel }) };
}

/** An axis of what was spent, from nothing on. */
function spendingAxis(name, amounts) {
  const { max, step, digits } = roundMarks(0, Math.max(...amounts) || 1);
  const formatter = (value) => (digits ? value.toFixed(digits) : short(value));
  return axis(name, { type: "value", min: 0, max, interval: step, axisLabel: { formatter } });
}

/** A tip that is drawn, never parsed as HTML. */
function tip(formatter, more = {}) {
  return {
    renderMode: "richText",
    confine: true,
    backgroundColor: colour("card"),
    borderColor: colour("line"),
    textStyle: { color: colour("ink"), fontSize: 12 },
    formatter,
    ...more,
  };
}

/** Break a text into lines for a tip. */
function wrapText(text, width = 60, lines = 4) {
  const words = shown(String(text))
    .slice(0, width * lines)
    .split(/\s+/);
  const rows = [""];
  for (const word of words) {
    if (rows.at(-1).length + word.length > width && rows.at(-1)) rows.push("");
    rows[rows.length - 1] += (rows.at(-1) ? " " : "") + word.slice(0, width);
  }
  return rows.slice(0, lines).join("\n");
}

/** A line without axes, of values from 0 to 1; null values are gaps. */
function sparkline(values, description) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length < 2) return h("span", { class: "quiet" }, known.length ? score(known[0]) : "\u2013");
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const points = values
    .map((value, i) =>
      value === null || value === undefined
        ? null
        : [4 + (i * 72) / (values.length - 1), 18 - (14 * (value - low)) / span],
    )
    .filter(Boolean);
  return s(
    "svg",
    { class: "spark", viewBox: "0 0 80 22", width: 80, height: 22, role: "img", "aria-label": description },
    s("polyline", { points: points.map((point) => point.map((x) => x.toFixed(1)).join(",")).join(" ") }),
    s("circle", { cx: points.at(-1)[0].toFixed(1), cy: points.at(-1)[1].toFixed(1), r: 2.4 }),
  );
}

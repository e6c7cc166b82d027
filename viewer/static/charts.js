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

"use strict";
// The texts in two dimensions: what the teacher writes beside what the data holds.

PAGES.map = async (source) => {
  const view = await source.get("map");
  if (!view.points.length)
    return [
      h("h1", {}, "Map of texts"),
      h(
        "p",
        { class: "quiet" },
        "This run has no map: it was made by an earlier version, or its student gives no embedding.",
      ),
    ];
  const holder = h("div");
  const show = (name) => holder.replaceChildren(mapChart(view.points, name));
  show("origin");
  return [
    h("h1", {}, "Map of texts"),
    h(
      "p",
      { class: "quiet" },
      "Each point is a text; near points mean similar texts to the untrained student. Its embedding is reduced to its two main directions, so distances are rough. Click a point to see where the text comes from.",
    ),
    view.left_out ? h("p", { class: "notice" }, `${number(view.left_out)} texts are left out.`) : null,
    card(null, choice("colour by", ["origin", "label", "cycle", "state"], "origin", show), holder),
  ];
};

const POINT_GROUPS = {
  origin: (point) =>
    ({ seed: "your seeds", validation: "your validation rows", pool: "your pool, not used" })[point.origin] ??
    (point.origin === "real" ? "your texts, labelled" : "written by the teacher"),
  label: (point) => point.label ?? "not labelled",
  cycle: (point) => (point.cycle ? `cycle ${point.cycle}` : "your own texts"),
  state: (point) => (point.cycle ? nameSampleState(point.state) : "your own texts"),
};

function mapChart(points, by) {
  const groups = new Map();
  for (const point of points) {
    const name = POINT_GROUPS[by](point);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(point);
  }
  const names = [...groups.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const backdrop = (name) => name === "your pool, not used" || name === "your own texts" || name === "not labelled";
  const ordered = [...names.filter(backdrop), ...names.filter((name) => !backdrop(name))];
  let next = 0;
  const series = ordered.map((name) => {
    const i = backdrop(name) ? 7 : next++;
    return {
      name,
      type: "scatter",
      symbol: backdrop(name) ? "circle" : SYMBOLS[i % SYMBOLS.length],
      symbolSize: backdrop(name) ? 5 : 9,
      itemStyle: { color: backdrop(name) ? colour("quiet") : COLOURS[i % 7], opacity: backdrop(name) ? 0.35 : 0.8 },
      large: false,
      data: groups.get(name).map((point) => ({ value: [point.x, point.y], point })),
    };
  });
  return chart(
    () => ({
      grid: { left: 20, right: 20, top: 60, bottom: 20 },
      legend: legend({ type: "scroll" }),
      tooltip: tip(
        (item) =>
          `${wrapText(item.data.point.text)}\n${[item.data.point.label, item.data.point.id].filter(Boolean).join(", ")}`,
      ),
      dataZoom: [
        { type: "inside", xAxisIndex: 0 },
        { type: "inside", yAxisIndex: 0 },
      ],
      xAxis: axis("", { type: "value", scale: true, show: false }),
      yAxis: axis("", { type: "value", scale: true, show: false }),
      series,
    }),
    {
      height: 560,
      description: `map of ${points.length} texts: ${ordered.map((name) => `${groups.get(name).length} ${name}`).join(", ")}`,
      onclick: (item) => item.data.point.cycle && (location.hash = route("sample", item.data.point.id)),
    },
  );
}

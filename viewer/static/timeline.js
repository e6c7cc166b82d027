"use strict";
// When the nodes and calls of a cycle worked: what ran beside what, which was slow.

/** Bars of the nodes and calls of a cycle: what ran beside what. */
function timeline(spans, cycle) {
  const shownSpans = spans.filter((span) => span.cycle === cycle && span.end - span.start > 0);
  if (!shownSpans.length) return h("p", { class: "quiet" }, "no times in the record");
  const began = Math.min(...shownSpans.map((span) => span.start));
  const ended = Math.max(...shownSpans.map((span) => span.end));
  const lanes = packLanes(shownSpans);
  const place = (time) => (100 * (time - began)) / (ended - began || 1);
  const slowest = shownSpans
    .filter((span) => span.kind === "node")
    .sort((a, b) => b.end - b.start - (a.end - a.start))[0];
  return [
    h(
      "p",
      { class: "quiet" },
      `${duration(ended - began)} in all; bars are nodes (dark) and calls of the teacher (light)`,
      slowest && `; slowest node: ${slowest.name}, ${duration(slowest.end - slowest.start)}`,
    ),
    h(
      "div",
      { class: "timeline" },
      lanes.map(({ name, spans: inLane }) =>
        h(
          "div",
          { class: "lane" },
          h("span", { class: "lane-name" }, name),
          h(
            "div",
            { class: "lane-bars" },
            inLane.map((span) => {
              const title = `${span.id ?? span.name}: ${duration(span.end - span.start)}, from ${duration(span.start - began)}`;
              const style = `left:${place(span.start).toFixed(2)}%;width:${Math.max(0.3, place(span.end) - place(span.start)).toFixed(2)}%`;
              const kind = `span ${span.kind}${span.status && span.status !== "ok" ? " fault" : ""}`;
              return span.id
                ? h("a", { class: kind, style, title, "aria-label": title, href: route("call", span.id) })
                : h("span", { class: kind, style, title });
            }),
          ),
        ),
      ),
      h(
        "div",
        { class: "lane ticks", "aria-hidden": "true" },
        h("span", { class: "lane-name" }),
        h(
          "div",
          { class: "lane-bars" },
          [0, 25, 50, 75, 100].map((at) =>
            h("span", { class: "tick", style: `left:${at}%` }, sayTick((ended - began) * at, ended - began)),
          ),
        ),
      ),
    ),
  ];
}

/** A mark of the time line; a short cycle needs more digits, so that no two marks read the same. */
function sayTick(hundredths, whole) {
  const seconds = hundredths / 100;
  return whole < 2 ? `${seconds.toFixed(whole < 0.2 ? 3 : 2)} s` : duration(seconds);
}

/** Rows of bars: one per node, and as many per agent as it had calls at the same time. */
function packLanes(spans) {
  const lanes = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const name = span.kind === "call" ? nameAgent(span.name) : span.name;
    const free = lanes.find(
      (lane) => lane.name === name && lane.kind === span.kind && lane.spans.at(-1).end <= span.start + 0.001,
    );
    if (free) free.spans.push(span);
    else lanes.push({ name, kind: span.kind, spans: [span] });
  }
  return lanes;
}

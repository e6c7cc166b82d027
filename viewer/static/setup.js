"use strict";
// Settings and prompts in force, and the state machine with its work.

PAGES.settings = async (source) => {
  const view = await source.get("settings");
  const known = view.settings.filter((row) => row.is_known);
  const changed = known.filter((row) => JSON.stringify(row.value) !== JSON.stringify(row.default));
  const row = (item) => [
    h("code", {}, item.key),
    sayValue(item.value),
    h("span", { class: "quiet" }, item.is_known ? sayValue(item.default) : "not known"),
  ];
  return [
    h("h1", {}, "Settings and prompts"),
    card(
      "What differs from the defaults",
      known.length
        ? table(["setting", "here", "default"], changed.map(row), {
            caption: "Settings that differ from their defaults",
            empty: "Nothing.",
          })
        : h("p", { class: "quiet" }, "The defaults are not known here."),
    ),
    card("Prompts", promptList(view.prompts)),
    card(
      null,
      fold("all-settings", `all ${view.settings.length} settings`, () =>
        table(["setting", "here", "default"], view.settings.map(row), { caption: "All settings" }),
      ),
      fold("versions", "versions of packages", () => facts(Object.entries(view.versions))),
      fold("data", "data (SHA-256)", () =>
        facts(Object.entries(view.data).map(([name, digest]) => [name, h("code", {}, digest)])),
      ),
    ),
  ];
};

function sayValue(value) {
  if (value === null || value === undefined) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function promptList(prompts) {
  if (!prompts.sets.length)
    return [
      h("p", {}, "Set ", h("code", {}, prompts.hash ?? "unknown")),
      h(
        "ul",
        {},
        Object.entries(prompts.files).map(([role, name]) => h("li", {}, `${nameAgent(role)}: ${name}`)),
      ),
      h("p", { class: "quiet" }, "The texts of the prompts are not in this record; each call holds what was sent."),
    ];
  return prompts.sets.map((set) =>
    h(
      "div",
      {},
      h("p", {}, "Set ", h("code", {}, set.hash), ` from cycle ${set.from_cycle ?? 0} on`),
      Object.entries(set.roles).map(([role, prompt]) =>
        fold(
          `prompt-${set.hash}-${role}`,
          [
            h("b", {}, nameAgent(role)),
            ` ${prompt.name} v${prompt.version}`,
            h("span", { class: "quiet" }, ` ${prompt.path ?? ""}`),
          ],
          () =>
            prompt.body
              ? block(prompt.body, `prompt of the ${role}`)
              : h("p", { class: "quiet" }, "Its text is not in the record."),
        ),
      ),
    ),
  );
}

PAGES.graph = async (source) => {
  const view = await source.get("graph");
  return [
    h("h1", {}, "The state machine"),
    h(
      "p",
      { class: "quiet" },
      "Drawn from the compiled graph. Arrows on the right go forward, arrows on the left go back; dashed ones are taken on a condition. The figures are of this run.",
    ),
    view.nodes?.length
      ? h(
          "div",
          { class: "columns" },
          card(null, graphDrawing(view)),
          card("Seconds of each node", nodeTable(view.work)),
        )
      : card(null, nodeTable(view.work)),
  ];
};

/** The nodes in a column, edges as arcs: forward ones on the right, backward ones on the left. */
function graphDrawing(view) {
  const work = Object.fromEntries(view.work.map((node) => [node.node, node]));
  const step = 66;
  const [left, width, high] = [170, 230, 42];
  const at = Object.fromEntries(view.nodes.map((name, i) => [name, i]));
  const height = view.nodes.length * step + 10;
  const middle = (i) => 10 + i * step + high / 2;
  const arcs = view.edges.map((edge) => {
    const [from, to] = [at[edge.source], at[edge.target]];
    const forward = to > from;
    const reach = Math.abs(to - from);
    const x = forward ? left + width : left;
    const bend = (forward ? 1 : -1) * Math.min(140, 16 + 22 * reach);
    const d =
      reach === 1 && forward
        ? `M${left + width / 2},${middle(from) + high / 2} V${middle(to) - high / 2 - 6}`
        : `M${x},${middle(from)} C${x + bend},${middle(from)} ${x + bend},${middle(to)} ${x + (forward ? 6 : -6)},${middle(to)}`;
    return s("path", { d, class: edge.conditional ? "edge conditional" : "edge", "marker-end": "url(#arrow)" });
  });
  const most = Math.max(...view.work.map((node) => node.seconds), 0.001);
  const boxes = view.nodes.map((name, i) => {
    const done = work[name.split(":").at(-1)];
    return s(
      "g",
      { transform: `translate(${left},${10 + i * step})` },
      s("rect", { width, height: high, rx: 8, class: done ? "node" : "node idle" }),
      done && s("rect", { width: Math.max(2, (width * done.seconds) / most), height: 4, y: high - 4, class: "load" }),
      s("text", { x: 12, y: 18, class: "name" }, name.replace(/^__|__$/g, "").replace(":", ": ")),
      done && s("text", { x: 12, y: 33, class: "figures" }, `${count(done.runs, "run")}, ${duration(done.seconds)}`),
    );
  });
  return h(
    "div",
    { class: "scroll" },
    s(
      "svg",
      {
        class: "graph",
        viewBox: `0 0 ${left + width + 170} ${height}`,
        width: left + width + 170,
        height,
        role: "img",
        "aria-label": `The graph: ${view.edges.map((edge) => `${edge.source} to ${edge.target}`).join(", ")}`,
      },
      s(
        "defs",
        {},
        s(
          "marker",
          { id: "arrow", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
          s("path", { d: "M0,0 L8,4 L0,8 z", class: "tip" }),
        ),
      ),
      arcs,
      boxes,
    ),
  );
}

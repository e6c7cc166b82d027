"use strict";
// The first page: what was gained, for what, with whom, and whether to trust it.

const PAGES = {};

PAGES.overview = async (source) => {
  const view = await source.get("overview");
  return [
    headline(view),
    view.run.rehearsal && h("p", { class: "notice" }, "No language model was called in this run: texts and labels come from a labelled corpus or a recording."),
    h("div", { class: "tiles" }, gainTiles(view), costTile(view), trustTile(view)),
    card("How it learned", h("p", { class: "quiet" }, "After each cycle the gate scores the newly trained student. It becomes the champion (promoted) unless it scores clearly worse; then it is rolled back."), curveSwitch(view)),
    card("Cycle by cycle", cycleTable(await source.get("cycles"))),
    h("div", { class: "columns" }, card("Who used what", h("p", { class: "quiet" }, "Read and written in tokens; cost \u2013 where the price is unknown."), roleTable(view.roles)), card("Where the time went", nodeTable(view.nodes))),
    aboutCard(view),
  ];
};

function headline(view) {
  const { run } = view;
  const split = view.scores.test ? "test" : view.scores.validation ? "validation" : null;
  const gain = split && view.scores[split].start !== null ? view.scores[split].final - view.scores[split].start : null;
  const text =
    gain === null
      ? `${run.domain ?? run.id}: ${run.state === "done" ? "no labelled data to score on" : `cycle ${run.cycle}`}`
      : `${run.domain}: ${split} ${view.metric} ${score(view.scores[split].start)} \u2192 ${score(view.scores[split].final)}`;
  return h(
    "div",
    { class: "headline" },
    h("h1", {}, text),
    h("p", { class: "quiet" }, `${run.student ?? "?"} student taught by `, h("b", {}, run.teacher ?? "?"), `, preset ${run.preset}, seed ${run.seed}`, run.started ? `, ${when(run.started)}` : "", " ", stateBadge(run.state)),
  );
}

function stateBadge(state) {
  const kind = state.startsWith("done") ? "good" : state.startsWith("running") ? "label" : "warn";
  return badge(state, kind);
}

function gainTiles(view) {
  const tiles = ["test", "validation"]
    .filter((split) => view.scores[split])
    .map((split) => {
      const { start, final, rows, intervals } = view.scores[split];
      const gain = start === null ? null : final - start;
      return tile(
        `${split} ${view.metric}`,
        gain === null ? score(final) : signed(gain),
        [
          `${score(start)} \u2192 ${score(final)}, ${rows ? count(rows, "row") : "rows unknown"}`,
          intervals && `95 % interval of the score: ${score(intervals[1].low)} to ${score(intervals[1].high)}`,
          intervals && `of the gain: ${signed(intervals[2].low)} to ${signed(intervals[2].high)}`,
        ],
        gain !== null && gain > 0 ? "good" : gain !== null && gain < 0 ? "bad" : "",
      );
    });
  if (tiles.length) return tiles;
  const scores = view.curve.map((point) => point.gate?.after).filter((value) => value !== null && value !== undefined);
  return [
    tile(
      `gate ${view.gate_metric ?? ""}`,
      scores.length ? score(scores.at(-1)) : "\u2013",
      [scores.length ? `${score(scores[0])} at the start, ${view.run.state === "done" ? "at the end" : "up to now"}` : "no score yet"],
    ),
  ];
}

function costTile(view) {
  const { totals } = view;
  const tokens = totals.input_tokens + totals.output_tokens;
  return tile("spent", totals.cost_usd === null || totals.cost_usd === undefined ? `${short(tokens)} tokens` : dollars(totals.cost_usd), [
    `${count(totals.calls, "call")}, ${number(totals.input_tokens)} tokens read, ${number(totals.output_tokens)} written`,
    `${number(totals.samples)} samples, ${duration(totals.seconds)}${totals.cost_usd === null || totals.cost_usd === undefined ? "; price unknown" : ""}`,
  ]);
}

function trustTile(view) {
  const split = view.scores.test ? "test" : "validation";
  const known = view.scores[split];
  let verdict = "no test";
  const lines = [];
  if (known?.intervals) {
    const [low, high] = [known.intervals[2].low, known.intervals[2].high];
    verdict = low > 0 ? "gain beyond chance" : high < 0 ? "loss beyond chance" : "could be chance";
    for (const name of ["test", "validation"]) {
      const interval = view.scores[name]?.intervals?.[2];
      if (interval) lines.push(`${name}: the interval of the gain ${interval.low > 0 || interval.high < 0 ? "excludes" : "includes"} zero (${number(interval.rows)} rows, paired bootstrap)`);
    }
  } else if (known) {
    verdict = known.rows ? count(known.rows, "row") : "?";
    lines.push(`the rows behind the ${split} score are not in the record, so it has no interval`);
  } else lines.push("no labelled rows were kept from the loop, so nobody knows how good the student is");
  const { agreement, measured_rows: rows, expected_error: wrong } = view.labels;
  if (agreement !== null && agreement !== undefined) lines.push(`the teacher labels ${percent(agreement)} of ${number(rows)} of your rows as you did`);
  else if (wrong !== null && wrong !== undefined) lines.push(`by its own confidence ${percent(wrong)} of the teacher's labels are wrong`);
  return tile("can it be trusted", verdict, lines);
}

function tile(name, value, lines, kind) {
  return h("div", { class: `tile ${kind ?? ""}` }, h("h2", {}, name), h("p", { class: "big" }, value), lines.filter(Boolean).map((line) => h("p", { class: "quiet" }, line)));
}

// ------------------------------------------------------------------------------------------------- learning curve

const CURVE_AXES = {
  tokens: ["tokens of the teacher", (point) => point.tokens],
  samples: ["accepted samples", (point) => point.samples],
  money: ["US dollars", (point) => point.cost_usd ?? 0],
  time: ["minutes of work", (point) => point.seconds / 60],
};

function curveSwitch(view) {
  const holder = h("div");
  const priced = view.curve.some((point) => point.cost_usd);
  const names = Object.keys(CURVE_AXES).filter((name) => name !== "money" || priced);
  const show = (name) => holder.replaceChildren(curveChart(view, name));
  show("tokens");
  return [choice("over", names, "tokens", show), holder];
}

/** Buttons of which one is pressed. */
function choice(label, names, first, show) {
  const group = h("div", { class: "choice", role: "group", "aria-label": label }, h("span", { class: "quiet" }, label));
  for (const name of names) {
    const press = (event) => {
      for (const button of group.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button === event.currentTarget));
      show(name);
    };
    group.append(h("button", { type: "button", "aria-pressed": String(name === first), onclick: press }, name));
  }
  return group;
}

function curveChart(view, axisName) {
  const [name, at] = CURVE_AXES[axisName];
  const scored = view.curve.filter((point) => point.gate && point.gate.after !== null);
  if (!scored.length) return h("p", { class: "quiet" }, "No cycle has been scored yet.");
  const say = (point) => `cycle ${point.cycle}: ${explainGate(point.gate)}\n${number(point.samples)} samples, ${number(point.tokens)} tokens, ${duration(point.seconds)}`;
  const champion = scored.map((point) => [at(point), point.gate.promoted ? point.gate.after : point.gate.before]);
  const points = (promoted) => scored.filter((point) => point.gate.promoted === promoted).map((point) => ({ value: [at(point), point.gate.after], point }));
  const marks = (series) => ({ ...series, type: "scatter", symbolSize: 11, label: { show: true, position: "top", color: colour("quiet"), fontSize: 11, formatter: (item) => String(item.data.point.cycle) }, labelLayout: { hideOverlap: true } });
  return chart(
    () => ({
      grid: { left: 56, right: 24, top: 34, bottom: 48 },
      legend: { top: 0, textStyle: { color: colour("quiet") }, data: ["champion", "promoted", "rolled back"] },
      tooltip: tip((item) => (item.data.point ? say(item.data.point) : `champion ${score(item.data[1])}`)),
      xAxis: axis(name, { type: "value", axisLabel: { formatter: short } }),
      yAxis: axis(`${view.gate_metric ?? "score"} on gate data`, { type: "value", scale: true, nameGap: 42, axisLabel: { formatter: (value) => value.toFixed(2) } }),
      series: [
        { name: "champion", type: "line", step: false, data: champion, symbol: "none", lineStyle: { width: 2, color: COLOURS[0] }, itemStyle: { color: COLOURS[0] } },
        marks({ name: "promoted", data: points(true), itemStyle: { color: COLOURS[0] } }),
        marks({ name: "rolled back", data: points(false), symbol: "diamond", itemStyle: { color: "transparent", borderColor: COLOURS[1], borderWidth: 2 } }),
      ],
    }),
    { description: `${view.gate_metric} over ${name}, cycle ${scored[0].cycle} to ${scored.at(-1).cycle}: ${score(champion[0][1])} to ${score(champion.at(-1)[1])}`, onclick: (item) => item.data.point && (location.hash = route("cycle", item.data.point.cycle)) },
  );
}

// --------------------------------------------------------------------------------------------------------- tables

function cycleTable(cycles) {
  return table(
    ["cycle", "what failed", ["accepted", "num"], ["refused", "num"], "gate", "", ["tokens", "num"], ["time", "num"]],
    cycles.map((cycle) => [
      linkCycle(cycle.cycle),
      cycle.weaknesses.length ? cycle.weaknesses.map((row, i) => [i ? "; " : "", linkWeakness(row.id, row.name), " ", weaknessBadge(row.state)]) : h("span", { class: "quiet" }, cycle.cycle ? "no weakness named" : "seeds alone"),
      number(cycle.states.accepted ?? 0),
      number((cycle.states.rejected ?? 0) + (cycle.states.tombstoned ?? 0)),
      h("span", { class: "short" }, explainGate(cycle.gate).split(",")[0]),
      gateBadge(cycle.gate),
      short(cycle.cycle_tokens),
      duration(cycle.cycle_seconds),
    ]),
    { caption: "Cycles" },
  );
}

function roleTable(roles) {
  return table(
    ["agent", ["calls", "num"], ["read", "num"], ["written", "num"], ["cost", "num"], ["time", "num"], "slowest call", ["faults", "num"]],
    [...roles].sort((a, b) => a.role.localeCompare(b.role)).map((role) => [
      h("b", {}, nameAgent(role.role)),
      number(role.calls),
      short(role.input_tokens),
      short(role.output_tokens),
      role.cost_usd === null ? "\u2013" : dollars(role.cost_usd),
      duration(role.seconds),
      role.slowest && h("a", { href: route("call", role.slowest.id), title: role.slowest.id }, duration(role.slowest.seconds)),
      role.faults + role.errors ? `${role.faults + role.errors}` : "0",
    ]),
    { caption: "Tokens and time of each agent", empty: "no call yet" },
  );
}

function nodeTable(nodes) {
  const most = Math.max(...nodes.map((node) => node.seconds), 0.001);
  return table(
    ["node", ["runs", "num"], ["time", "num"], "", "slowest run"],
    [...nodes].sort((a, b) => b.seconds - a.seconds).map((node, i) => [
      h("b", {}, node.node),
      number(node.runs),
      duration(node.seconds),
      h("span", { class: "bar", style: `width:${Math.max(1, Math.round((90 * node.seconds) / most))}px` }),
      [duration(node.slowest), " in ", linkCycle(node.cycle), !i && [" ", badge("slowest", "warn")]],
    ]),
    { caption: "Wall-clock seconds of each node; lessons run side by side" },
  );
}

function aboutCard(view) {
  const { run, data } = view;
  return card(
    "The run",
    facts([
      ["data", data.seeds !== undefined ? `${number(data.seeds)} seeds, ${number(data.validation)} validation rows, ${number(data.test)} test rows, ${number(data.labels)} labels` : null],
      ["stopped by", view.stop_reason],
      ["published", run.champion ? `the champion (version ${run.champion})${view.refit ? `, trained once more with ${number(view.refit)} validation rows` : ""}` : null],
      ["full-data baseline", "not part of a run; evokd bench measures it"],
      ["forecast", view.estimate ? `${number(view.estimate.calls)} calls, ${number(view.estimate.input_tokens + view.estimate.output_tokens)} tokens` : null],
      ["notes", view.notes.length ? h("ul", {}, view.notes.map((note) => h("li", {}, quote(note)))) : null],
    ]),
  );
}

"use strict";
// The first page: what was gained, for what, with whom, and whether to trust it.

const PAGES = {};

PAGES.overview = async (source) => {
  const view = await source.get("overview");
  return [
    headline(view),
    view.run.rehearsal &&
      h(
        "p",
        { class: "notice" },
        "No language model was called in this run: texts and labels come from a labelled corpus or a recording.",
      ),
    h("div", { class: "tiles" }, gainTiles(view), costTile(view), trustTile(view)),
    card(
      "How it learned",
      h(
        "p",
        { class: "quiet" },
        "After each cycle the gate scores the newly trained student. It becomes the champion (promoted) unless it scores clearly worse; then it is rolled back.",
      ),
      curveSwitch(view),
    ),
    card("Cycle by cycle", cycleTable(await source.get("cycles"))),
    h(
      "div",
      { class: "columns" },
      card(
        "Who used what",
        h("p", { class: "quiet" }, "Read and written in tokens; USD \u2013 where the price is unknown."),
        roleTable(view.roles),
      ),
      card("Where the time went", nodeTable(view.nodes)),
    ),
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
    h(
      "p",
      { class: "quiet" },
      `${run.student ?? "?"} student taught by `,
      h("b", {}, run.teacher ?? "?"),
      `, preset ${run.preset}, seed ${run.seed}`,
      run.started ? `, ${when(run.started)}` : "",
      " ",
      stateBadge(run.state),
    ),
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
    tile(`gate ${view.gate_metric ?? ""}`, scores.length ? score(scores.at(-1)) : "\u2013", [
      scores.length
        ? `${score(scores[0])} at the start, ${view.run.state === "done" ? "at the end" : "up to now"}`
        : "no score yet",
    ]),
  ];
}

function costTile(view) {
  const { totals } = view;
  const tokens = totals.input_tokens + totals.output_tokens;
  return tile(
    "spent",
    totals.cost_usd === null || totals.cost_usd === undefined ? `${short(tokens)} tokens` : dollars(totals.cost_usd),
    [
      `${count(totals.calls, "call")}, ${number(totals.input_tokens)} tokens read, ${number(totals.output_tokens)} written`,
      `${number(totals.samples)} samples, ${duration(totals.seconds)}${totals.cost_usd === null || totals.cost_usd === undefined ? "; price unknown" : ""}`,
    ],
  );
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
      if (interval)
        lines.push(
          `${name}: the interval of the gain ${interval.low > 0 || interval.high < 0 ? "excludes" : "includes"} zero (${number(interval.rows)} rows, paired bootstrap)`,
        );
    }
  } else if (known) {
    verdict = known.rows ? count(known.rows, "row") : "?";
    lines.push(`the rows behind the ${split} score are not in the record, so it has no interval`);
  } else lines.push("no labelled rows were kept from the loop, so nobody knows how good the student is");
  const { agreement, measured_rows: rows, expected_error: wrong } = view.labels;
  if (agreement !== null && agreement !== undefined)
    lines.push(`the teacher labels ${percent(agreement)} of ${number(rows)} of your rows as you did`);
  else if (wrong !== null && wrong !== undefined)
    lines.push(`by its own confidence ${percent(wrong)} of the teacher's labels are wrong`);
  return tile("can it be trusted", verdict, lines);
}

function tile(name, value, lines, kind) {
  return h(
    "div",
    { class: `tile ${kind ?? ""}` },
    h("h2", {}, name),
    h("p", { class: "big" }, value),
    lines.filter(Boolean).map((line) => h("p", { class: "quiet" }, line)),
  );
}

// --------------------------------------------------------------------------------------------------------- tables

function cycleTable(cycles) {
  return table(
    [
      "cycle",
      ["what failed", "wide"],
      ["accepted", "num"],
      ["left out", "num"],
      "gate",
      "",
      ["tokens", "num"],
      ["time", "num"],
    ],
    cycles.map((cycle) => [
      linkCycle(cycle.cycle),
      cycle.weaknesses.length
        ? cycle.weaknesses.map((row, i) => [
            i ? "; " : "",
            linkWeakness(row.id, row.name),
            " ",
            weaknessBadge(row.state),
          ])
        : h("span", { class: "quiet" }, cycle.cycle ? "no weakness named" : "seeds alone"),
      number(cycle.states.accepted ?? 0),
      number((cycle.states.rejected ?? 0) + (cycle.states.tombstoned ?? 0)),
      h("span", { class: "short" }, sayScores(cycle.gate)),
      gateBadge(cycle.gate),
      short(cycle.cycle_tokens),
      duration(cycle.cycle_seconds),
    ]),
    { caption: "Cycles" },
  );
}

function roleTable(roles) {
  return table(
    [
      "agent",
      ["calls", "num"],
      ["read", "num"],
      ["written", "num"],
      ["USD", "num"],
      ["time", "num"],
      ["slowest call", "num wrapped spare"],
      ["faults", "num"],
    ],
    [...roles]
      .sort((a, b) => a.role.localeCompare(b.role))
      .map((role) => [
        h("b", {}, nameAgent(role.role)),
        number(role.calls),
        short(role.input_tokens),
        short(role.output_tokens),
        role.cost_usd === null ? "\u2013" : role.cost_usd.toFixed(role.cost_usd < 1 ? 4 : 2),
        duration(role.seconds),
        role.slowest_call &&
          h("a", { href: route("call", role.slowest_call), title: role.slowest_call }, duration(role.slowest_seconds)),
        `${role.faults + role.refused}`,
      ]),
    { caption: "Tokens and time of each agent", empty: "no call yet", kind: "compact" },
  );
}

function nodeTable(nodes) {
  const most = Math.max(...nodes.map((node) => node.seconds), 0.001);
  return table(
    ["node", ["runs", "num"], ["time", "num"], "", "slowest run"],
    [...nodes]
      .sort((a, b) => b.seconds - a.seconds)
      .map((node, i) => [
        h("b", {}, node.node),
        number(node.runs),
        duration(node.seconds),
        h("span", { class: "bar", style: `width:max(1px, calc(var(--bar) * ${(node.seconds / most).toFixed(3)}))` }),
        [duration(node.slowest), " in ", linkCycle(node.cycle), !i && [" ", badge("slowest", "warn")]],
      ]),
    { caption: "Wall-clock seconds of each node; lessons side by side count once" },
  );
}

function aboutCard(view) {
  const { run, data } = view;
  return card(
    "The run",
    facts([
      [
        "data",
        data.seeds !== undefined
          ? `${number(data.seeds)} seeds, ${number(data.validation)} validation rows, ${number(data.test)} test rows, ${number(data.labels)} labels`
          : null,
      ],
      ["stopped by", view.stop_reason],
      [
        "published",
        run.champion
          ? `the champion (version ${run.champion})${view.refit ? `, trained once more with ${number(view.refit)} validation rows` : ""}`
          : null,
      ],
      ["full-data baseline", "not part of a run; evokd bench measures it"],
      [
        "forecast",
        view.estimate
          ? `${number(view.estimate.calls)} calls, ${number(view.estimate.input_tokens + view.estimate.output_tokens)} tokens`
          : null,
      ],
      [
        "notes",
        view.notes.length
          ? h(
              "ul",
              {},
              view.notes.map((note) => h("li", {}, quote(note))),
            )
          : null,
      ],
    ]),
  );
}

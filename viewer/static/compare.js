"use strict";
// Runs side by side: curves with spread, what differs in settings and prompts.

PAGES.compare = async (source) => {
  const view = await source.get("compare");
  const holder = h("div");
  const show = (name) => holder.replaceChildren(compareChart(view.runs, name));
  show("tokens");
  return [
    h("h1", {}, `${view.runs.length} runs side by side`),
    isMixed(view) &&
      h(
        "p",
        { class: "notice" },
        "These runs are on different data or metrics: their scores cannot be compared with one another.",
      ),
    card(
      "Learning curves",
      choice("over", ["tokens", "samples", "time"], "tokens", show),
      holder,
      h(
        "p",
        { class: "quiet" },
        "Runs that differ in the seed alone have one colour: thin lines are runs, the thick line is their mean. Nothing is averaged over runs with other prompts, data or settings.",
      ),
    ),
    card(
      "Results",
      h("p", { class: "quiet" }, "Below each score: its 95 % interval. Runs of one group differ in the seed alone."),
      compareTable(view),
    ),
    card(
      "What differs",
      h("p", { class: "quiet" }, "Files and prompts are named by the beginning of their hash."),
      differenceTable(view),
    ),
    view.prompts.length
      ? card(
          "Prompts that differ",
          view.prompts.map((prompt) =>
            fold(
              `prompt-${prompt.role}`,
              [h("b", {}, nameAgent(prompt.role)), `: ${prompt.versions.join(" \u2013 ")}`],
              () => promptDiff(prompt),
              { open: view.prompts.length === 1 },
            ),
          ),
        )
      : null,
  ];
};

/** Whether the scores of the runs are of different things. */
function isMixed(view) {
  return (
    view.settings.some((row) => row.key === "domain" || /^data: (test|validation)/.test(row.key)) ||
    new Set(view.runs.map((run) => run.metric)).size > 1
  );
}

/** A value of a setting; a long hash by its beginning. */
const sayBriefly = (value) =>
  typeof value === "string" && /^[0-9a-f]{16,}$/.test(value)
    ? h("code", { title: value }, value.slice(0, 12))
    : sayValue(value);

const runLink = (id) => h("a", { href: runAddress(id) }, id);

function compareTable(view) {
  const shownScore = (run, split) => {
    const known = run.scores[split];
    return known
      ? [
          `${score(known.start)} \u2192 ${score(known.final)}`,
          known.intervals &&
            h("div", { class: "quiet" }, `${score(known.intervals[1].low)} to ${score(known.intervals[1].high)}`),
        ]
      : "\u2013";
  };
  return table(
    [
      "run",
      "group",
      "domain, preset",
      ["seed", "num"],
      "test",
      "validation",
      ["samples", "num"],
      ["tokens", "num"],
      ["cost", "num"],
      ["time", "num"],
    ],
    view.runs.map((run) => [
      runLink(run.run.id),
      badge(`${run.group + 1}`, ""),
      `${run.run.domain}, ${run.run.preset}`,
      run.run.seed,
      shownScore(run, "test"),
      shownScore(run, "validation"),
      number(run.totals.samples),
      short(run.totals.input_tokens + run.totals.output_tokens),
      run.totals.cost_usd === null || run.totals.cost_usd === undefined ? "\u2013" : dollars(run.totals.cost_usd),
      duration(run.totals.seconds),
    ]),
    { caption: "Runs" },
  );
}

function differenceTable(view) {
  return table(
    ["setting", ...view.runs.map((run) => run.run.id)],
    view.settings.map((row) => [h("code", {}, row.key), ...row.values.map(sayBriefly)]),
    { caption: "Settings, data and prompts that differ", empty: "Nothing differs." },
  );
}

function promptDiff(prompt) {
  if (!prompt.diff) return h("p", { class: "quiet" }, "The texts are not in the records of these runs.");
  return h(
    "pre",
    { class: "diff text", tabindex: "0" },
    prompt.diff.map((line) =>
      h("span", { class: line[0] === "+" ? "added" : line[0] === "-" ? "removed" : null }, `${line}\n`),
    ),
  );
}

function compareChart(runs, axisName) {
  const [name, at] = CURVE_AXES[axisName];
  const champion = (run) =>
    run.curve
      .filter((point) => point.gate && point.gate.after !== null)
      .map((point) => [at(point), point.gate.promoted ? point.gate.after : point.gate.before]);
  const points = runs.flatMap(champion);
  if (!points.length) return h("p", { class: "quiet" }, "No cycle has been scored yet.");
  const scores = scoreAxis(
    "score on gate data",
    points.map(([, value]) => value),
  );
  const spent = spendingAxis(
    name,
    points.map(([amount]) => amount),
  );
  return chart(
    () => ({
      grid: { left: scores.gap + 14, right: 24, top: 40, bottom: 48 },
      legend: legend({ type: "scroll" }),
      tooltip: tip(
        (item) => `${item.seriesName}: ${score(item.data[1])} at ${spent.axisLabel.formatter(item.data[0])}`,
      ),
      xAxis: spent,
      yAxis: scores.axis,
      series: [
        ...runs.map((run) => runSeries(run, champion(run), repeated(runs, run.group))),
        ...meanSeries(runs, champion),
      ],
    }),
    { description: `scores of ${runs.length} runs over ${name}` },
  );
}

const repeated = (runs, group) => runs.filter((run) => run.group === group).length > 1;

function runSeries(run, data, thin) {
  const look = {
    symbol: SYMBOLS[run.group % SYMBOLS.length],
    symbolSize: thin ? 5 : 8,
    itemStyle: { color: COLOURS[run.group % 7], opacity: thin ? 0.55 : 1 },
  };
  return {
    name: run.run.id,
    type: "line",
    data,
    lineStyle: { width: thin ? 1 : 2, opacity: thin ? 0.55 : 1 },
    ...look,
  };
}

/** The mean of each group of repetitions, cycle by cycle, as far as all of them went. */
function meanSeries(runs, champion) {
  const groups = [...new Set(runs.map((run) => run.group))].filter((group) => repeated(runs, group));
  return groups.map((group) => {
    const curves = runs.filter((run) => run.group === group).map(champion);
    const length = Math.min(...curves.map((curve) => curve.length));
    const mean = (at, part) => curves.reduce((sum, curve) => sum + curve[at][part], 0) / curves.length;
    return {
      name: `mean of ${curves.length} runs, group ${group + 1}`,
      type: "line",
      symbol: "none",
      lineStyle: { width: 3.5 },
      itemStyle: { color: COLOURS[group % 7] },
      data: Array.from({ length }, (_, at) => [mean(at, 0), mean(at, 1)]),
    };
  });
}

"use strict";
// The learning curve of a run, over what it cost.

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
      for (const button of group.querySelectorAll("button"))
        button.setAttribute("aria-pressed", String(button === event.currentTarget));
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
  const say = (point) =>
    `cycle ${point.cycle}: ${explainGate(point.gate)}\n${number(point.samples)} samples, ${number(point.tokens)} tokens, ${duration(point.seconds)}`;
  const champion = scored.map((point) => [at(point), point.gate.promoted ? point.gate.after : point.gate.before]);
  const points = (promoted) =>
    scored
      .filter((point) => point.gate.promoted === promoted)
      .map((point) => ({ value: [at(point), point.gate.after], point }));
  const scores = scoreAxis(`${view.gate_metric ?? "score"} on gate data`, [
    ...champion.map(([, value]) => value),
    ...scored.map((point) => point.gate.after),
  ]);
  const marks = (series) => ({
    ...series,
    type: "scatter",
    symbolSize: 11,
    label: {
      show: true,
      position: "top",
      color: colour("quiet"),
      fontSize: 11,
      formatter: (item) => String(item.data.point.cycle),
    },
    labelLayout: { hideOverlap: true },
  });
  return chart(
    () => ({
      grid: { left: scores.gap + 14, right: 24, top: 34, bottom: 48 },
      legend: legend({ data: ["champion", "promoted", "rolled back"] }),
      tooltip: tip((item) => (item.data.point ? say(item.data.point) : `champion ${score(item.data[1])}`)),
      xAxis: spendingAxis(name, scored.map(at)),
      yAxis: scores.axis,
      series: [
        {
          name: "champion",
          type: "line",
          step: false,
          data: champion,
          symbol: "none",
          lineStyle: { width: 2, color: COLOURS[0] },
          itemStyle: { color: COLOURS[0] },
        },
        marks({ name: "promoted", data: points(true), itemStyle: { color: COLOURS[0] } }),
        marks({
          name: "rolled back",
          data: points(false),
          symbol: "diamond",
          itemStyle: { color: "transparent", borderColor: COLOURS[1], borderWidth: 2 },
        }),
      ],
    }),
    {
      description: `${view.gate_metric} over ${name}, cycle ${scored[0].cycle} to ${scored.at(-1).cycle}: ${score(champion[0][1])} to ${score(champion.at(-1)[1])}`,
      onclick: (item) => item.data.point && (location.hash = route("cycle", item.data.point.cycle)),
    },
  );
}

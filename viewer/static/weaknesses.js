"use strict";
// The ledger of weaknesses: evidence, state and mastery, spending, texts bought, effect.

PAGES.weaknesses = async (source) => {
  const rows = await source.get("weaknesses");
  return [
    h("h1", {}, "Weaknesses"),
    h(
      "p",
      { class: "quiet" },
      "What the Analyst named, and what became of it. Mastery is the share of examined texts of its kind that the student answers right before it is trained on them; each earlier cycle counts half as much as the next, and with few texts it is pulled towards 50 %. Effect is how far mastery has moved since the weakness was named; other texts move it too, so a weakness without texts of its own can have one.",
    ),
    card(
      null,
      table(
        [
          "id",
          "what the student gets wrong",
          "state",
          "mastery",
          ["effect", "num"],
          ["evidence", "num"],
          ["texts", "num"],
          ["tokens", "num"],
        ],
        rows.map((row) => [
          linkWeakness(row.id),
          [quote(row.name, 120), h("div", { class: "quiet" }, row.labels.join(", "))],
          weaknessBadge(row.state),
          masterySpark(row),
          signed(row.effect, 2),
          number(row.evidence.length),
          number(row.texts.accepted ?? 0),
          row.spent.tokens ? short(row.spent.tokens) : "\u2013",
        ]),
        { caption: "Weaknesses", empty: "The Analyst has named none." },
      ),
    ),
  ];
};

function masterySpark(row) {
  const { mastery } = row;
  if (!mastery || mastery.now === null) return h("span", { class: "quiet" }, "not followed");
  const shares = mastery.counts.map(([, right, texts]) => (texts ? right / texts : null));
  const n = mastery.counts.reduce((sum, [, , texts]) => sum + texts, 0);
  return [
    sparkline(shares, `mastery ${score(mastery.first)} to ${score(mastery.now)}`),
    h(
      "span",
      { class: "quiet" },
      ` ${mastery.first === null ? "?" : mastery.first.toFixed(2)} \u2192 ${mastery.now.toFixed(2)} (${count(n, "text")})`,
    ),
  ];
}

PAGES.weakness = async (source, [id]) => {
  const row = (await source.get("weaknesses")).find((item) => item.id === id);
  if (!row) throw new Error(`"${id}": no such weakness in this run`);
  const [view, texts] = await Promise.all([
    source.get(`cycle/${row.cycle}`),
    source.get("samples", { weakness: id, count: 20 }),
  ]);
  const packet = view.messages.find((item) => item.kind === "feedback_packet");
  const cases = packet ? packet.body.cases.filter((item) => row.evidence.includes(item.id)) : [];
  const analyst = view.calls.filter((call) => call.role === "analyst");
  return [
    h("p", { class: "quiet" }, link("Weaknesses", "weaknesses"), " / ", id),
    h("h1", {}, quote(row.name, 200), " ", weaknessBadge(row.state)),
    facts([
      ["named in", [linkCycle(row.cycle), " by ", analyst.map((call, i) => [i ? ", " : "", linkCall(call.id)])]],
      ["what failed texts have in common", quote(row.pattern, 2000)],
      ["advice to the Generator", quote(row.advice, 2000)],
      ["labels", row.labels.join(", ")],
      ["where it stands", explainWeakness(row)],
      ["did it help", effectSentence(row)],
      [
        "spent on it",
        row.lessons.length
          ? `${number(row.spent.tokens)} tokens, ${duration(row.spent.seconds)}${row.spent.cost_usd === null ? "" : `, ${dollars(row.spent.cost_usd)}`}; texts of other lessons are not counted`
          : "nothing: no lesson was given on it",
      ],
      ["lessons", row.lessons.map((lesson, i) => [i ? ", " : "", textsLink(lesson, { lesson })])],
    ]),
    card(
      "The errors behind it",
      cases.length
        ? cases.map((item) => caseLine(row.cycle, item))
        : h("p", { class: "quiet" }, "The evidence is not in the record."),
    ),
    row.mastery?.counts?.length
      ? card(
          "Answered right, cycle by cycle",
          h(
            "p",
            { class: "quiet" },
            "Grey: before it was named. Mastery sums these up: each earlier cycle counts half as much as the next, and with few texts it is pulled towards 50 %.",
          ),
          masteryChart(row),
        )
      : null,
    card(
      "The texts it bought",
      h(
        "p",
        {},
        Object.entries(row.texts).map(([state, n], i) => [
          i ? ", " : "",
          textsLink(`${n} ${nameSampleState(state)}`, { weakness: id, state }),
        ]),
      ),
      texts.rows.map(sampleLine),
      texts.total > texts.rows.length && textsLink(`all ${number(texts.total)} texts`, { weakness: id }),
    ),
  ];
};

function effectSentence(row) {
  const { mastery } = row;
  if (row.effect === null || !mastery || mastery.now === null)
    return "nobody knows: no text of its kind was examined after a training since it was named";
  const n = mastery.counts.filter(([cycle]) => cycle >= row.cycle).reduce((sum, [, , texts]) => sum + texts, 0);
  return `mastery ${mastery.first === null ? "unknown" : percent(mastery.first)} when it was named, ${percent(mastery.now)} now (${signed(row.effect, 2)}, ${count(n, "text")} examined since${n < 12 ? ": too few to be sure" : ""})`;
}

function masteryChart(row) {
  const counts = row.mastery.counts;
  return chart(
    () => ({
      grid: { left: 56, right: 24, top: 24, bottom: 48 },
      tooltip: tip(
        (item) =>
          `cycle ${counts[item.dataIndex][0]}: ${counts[item.dataIndex][1]} of ${counts[item.dataIndex][2]} right`,
      ),
      xAxis: axis("cycle", { type: "category", data: counts.map(([cycle]) => cycle) }),
      yAxis: axis("share answered right", { type: "value", min: 0, max: 1, nameGap: 42 }),
      series: [
        {
          type: "bar",
          barMaxWidth: 46,
          data: counts.map(([cycle, right, texts]) => ({
            value: texts ? right / texts : null,
            itemStyle: { color: cycle < row.cycle ? COLOURS[7] : COLOURS[0] },
          })),
          label: {
            show: true,
            position: "top",
            color: colour("quiet"),
            formatter: (item) => count(counts[item.dataIndex][2], "text"),
          },
        },
      ],
    }),
    {
      height: 240,
      description: `share of texts of this kind answered right, by cycle: ${counts.map(([cycle, right, texts]) => `${cycle}: ${right} of ${texts}`).join(", ")}`,
    },
  );
}

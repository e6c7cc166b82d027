"use strict";
// Scores of two versions side by side: per label, confusions, the texts that changed sides.

PAGES.scores = async (source, [splitName, firstName, lastName]) => {
  const splits = await source.get("scores");
  const names = Object.keys(splits);
  if (!names.length)
    return [
      h("h1", {}, "Scores"),
      h(
        "p",
        { class: "quiet" },
        "No answers to labelled data are in the record: the run has no validation or test data, or none was scored yet.",
      ),
    ];
  const split = names.includes(splitName) ? splitName : names[0];
  const { versions, rows } = splits[split];
  const last = versions.includes(lastName) ? lastName : versions.at(-1);
  const first = versions.includes(firstName) ? firstName : versions[0];
  const [a, b] = await Promise.all([first, last].map((version) => source.get(`scores/${split}/${version}`)));
  const texts = rows ? await source.get(`rows/${split}`) : [];
  const pick = (label, options, chosen, go) =>
    h(
      "label",
      {},
      label,
      " ",
      h(
        "select",
        { onchange: (event) => (location.hash = go(event.target.value)) },
        options.map((option) => h("option", { value: option, selected: option === chosen }, sayVersion(option))),
      ),
    );
  const entities = texts.length > 0 && typeof texts[0].gold !== "string" && !texts.some((row) => isSet(row.gold));
  return [
    h("h1", {}, "Scores"),
    h(
      "form",
      { class: "filters" },
      pick("data", names, split, (value) => route("scores", value)),
      pick("from", versions, first, (value) => route("scores", split, value, last)),
      pick("to", versions, last, (value) => route("scores", split, first, value)),
    ),
    a.report || b.report
      ? card(`Per label, ${sayVersion(first)} and ${sayVersion(last)}`, compareReports(a.report ?? [], b.report ?? []))
      : h(
          "p",
          { class: "quiet" },
          "The right answers are not in the record of this run, so only its summary has scores.",
        ),
    a.matrix && b.matrix
      ? card(
          "Confusions",
          h("p", { class: "quiet" }, "Rows: the right label. Columns: the student's answer."),
          h(
            "div",
            { class: "columns" },
            [a, b].map((view) => h("div", {}, h("h3", {}, sayVersion(view.version)), matrixTable(view.matrix))),
          ),
        )
      : null,
    texts.length && a.answers.length && b.answers.length ? changedCard(texts, a, b, entities) : null,
  ];
};

function sayVersion(version) {
  if (version === "refit") return "published (with validation rows)";
  const cycle = /^c(\d+)$/.exec(version);
  return cycle ? `cycle ${Number(cycle[1])}` : version;
}

function compareReports(before, after) {
  const labels = [...new Set([...before, ...after].map((row) => row.label))];
  const of = (report, label) =>
    report.find((row) => row.label === label) ?? { f1: null, precision: null, recall: null, support: 0 };
  return table(
    [
      "label",
      ["rows", "num"],
      ["F1", "num"],
      ["\u2192", "num"],
      ["change", "num"],
      "",
      ["precision", "num"],
      ["recall", "num"],
    ],
    labels.map((label) => {
      const [a, b] = [of(before, label), of(after, label)];
      const change = a.f1 === null || b.f1 === null ? null : b.f1 - a.f1;
      return [
        label,
        number(b.support || a.support),
        score(a.f1),
        score(b.f1),
        signed(change),
        change === null
          ? null
          : h("span", {
              class: `bar ${change < 0 ? "down" : "up"}`,
              style: `width:${Math.round(Math.abs(change) * 90)}px`,
            }),
        `${score(a.precision)} \u2192 ${score(b.precision)}`,
        `${score(a.recall)} \u2192 ${score(b.recall)}`,
      ];
    }),
    { caption: "Precision, recall and F1 of each label" },
  );
}

function matrixTable(matrix) {
  const labels = [...new Set(matrix.flatMap(([gold, given]) => [gold, given]))].sort();
  const most = Math.max(...matrix.map(([, , n]) => n));
  const cells = new Map(matrix.map(([gold, given, n]) => [JSON.stringify([gold, given]), n]));
  const shade = (n, right) =>
    n
      ? `background: color-mix(in srgb, var(${right ? "--good" : "--bad"}) ${Math.round(12 + (48 * n) / most)}%, transparent)`
      : null;
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "confusion matrix" },
    h(
      "table",
      { class: "matrix" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("td"),
          labels.map((label) => h("th", { scope: "col" }, h("span", {}, label))),
        ),
      ),
      h(
        "tbody",
        {},
        labels.map((gold) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, gold),
            labels.map((given) => {
              const n = cells.get(JSON.stringify([gold, given])) ?? 0;
              return h("td", { style: shade(n, gold === given), title: `${gold} answered as ${given}: ${n}` }, n || "");
            }),
          ),
        ),
      ),
    ),
  );
}

function changedCard(texts, a, b, entities) {
  const right = (row, answer) => sameAnswer(row.gold, answer);
  const changed = texts
    .map((row, i) => ({ ...row, from: a.answers[i][0], to: b.answers[i][0] }))
    .filter((row) => right(row, row.from) !== right(row, row.to));
  const better = changed.filter((row) => right(row, row.to));
  const worse = changed.filter((row) => !right(row, row.to));
  const wrong = texts
    .map((row, i) => ({ ...row, from: a.answers[i][0], to: b.answers[i][0] }))
    .filter((row) => !right(row, row.to) && !right(row, row.from));
  const list = (rows) =>
    rows.length ? rows.slice(0, 200).map((row) => changedLine(row, entities)) : h("p", { class: "quiet" }, "none");
  return card(
    "Texts that changed sides",
    fold("better", `wrong before, right now: ${better.length}`, () => list(better), {
      open: better.length > 0 && better.length < 12,
    }),
    fold("worse", `right before, wrong now: ${worse.length}`, () => list(worse), {
      open: worse.length > 0 && worse.length < 12,
    }),
    fold("wrong", `wrong in both: ${wrong.length}`, () => list(wrong)),
  );
}

function sameAnswer(gold, answer) {
  if (typeof gold === "string" || typeof answer === "string") return gold === answer;
  if (isSet(gold) || isSet(answer)) return gold.join(";") === answer.join(";");
  return gold.length === answer.length && !findErrors(gold, answer).errors.length;
}

function changedLine(row, entities) {
  if (entities)
    return h(
      "div",
      { class: "case" },
      h("span", { class: "id" }, row.id),
      h("div", {}, "before: ", markedErrors(row.text, row.gold, row.from)),
      h("div", {}, "after: ", markedErrors(row.text, row.gold, row.to)),
    );
  return h(
    "div",
    { class: "case" },
    h("span", { class: "id" }, row.id),
    " ",
    quote(row.text),
    h("div", { class: "quiet" }, "is ", badge(sayAnswer(row.gold), "label"), `: ${sayAnswer(row.from)} \u2192 ${sayAnswer(row.to)}`),
  );
}

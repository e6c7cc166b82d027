"use strict";
// All drafts and real texts in a table, with filters and search.

const TEXTS_ON_A_PAGE = 50;

PAGES.texts = async (source, _, query) => {
  const facets = await source.get("facets");
  const first = Number(query.first ?? 0);
  const page = await source.get("samples", { ...query, first, count: TEXTS_ON_A_PAGE });
  const all = facets.state.reduce((sum, row) => sum + row.count, 0);
  return [
    h("h1", {}, "Texts"),
    filterBar(facets, query),
    h(
      "p",
      { class: "quiet", "aria-live": "polite" },
      `${number(page.total)} of ${count(all, "text")}`,
      page.total ? `, ${number(first + 1)} to ${number(first + page.rows.length)}` : "",
    ),
    card(null, textTable(page.rows)),
    pager(query, first, page),
  ];
};

function textTable(rows) {
  const answers = rows.map((row) => row.label ?? row.intended);
  const areMarked = !answers.some(isSet) && answers.some(isMarked); // an empty set looks like no entity
  const columns = [
    ["id", (row) => linkSample(row.id)],
    [
      "text",
      (row) => {
        const answer = row.label ?? row.intended;
        return areMarked && isMarked(answer) ? marked(row.text, answer, CUT) : quote(row.text);
      },
    ],
    !areMarked && ["answer", labelCell],
    ["state", (row) => [sampleBadge(row), row.reason && h("div", { class: "quiet" }, sayReason(row.reason))]],
    ["before training the student said", examCell],
    ["kind", (row) => h("span", { title: KINDS[row.kind] }, row.kind)],
  ].filter(Boolean);
  return table(
    columns.map(([name]) => name),
    rows.map((row) => columns.map(([, cell]) => cell(row))),
    { caption: "Texts", empty: "No text matches." },
  );
}

function labelCell(row) {
  const label = row.label ?? row.candidates?.[0] ?? null;
  const wanted =
    row.intended && JSON.stringify(row.intended) !== JSON.stringify(label)
      ? h("div", { class: "quiet" }, `written for ${sayAnswer(row.intended)}`)
      : null;
  return [label === null ? h("span", { class: "quiet" }, "not labelled") : sayAnswer(label, row.text), wanted];
}

function examCell(row) {
  if (!row.exam) return null;
  const knew = JSON.stringify(row.exam.answer) === JSON.stringify(row.label);
  return [
    knew ? badge("knew it", "good") : sayAnswer(row.exam.answer, row.text),
    h("div", { class: "quiet" }, `${row.exam.confidence.toFixed(2)} sure`),
  ];
}

function filterBar(facets, query) {
  const go = (change) => {
    const next = { ...query, ...change };
    delete next.first;
    const kept = Object.entries(next).filter(([, value]) => value !== "" && value !== undefined);
    location.hash = `${route("texts")}?${new URLSearchParams(Object.fromEntries(kept))}`;
  };
  const pick = (key, name, options) =>
    options.length > 1 || query[key]
      ? h(
          "label",
          {},
          name,
          " ",
          h(
            "select",
            { name: key, onchange: (event) => go({ [key]: event.target.value }) },
            h("option", { value: "" }, "all"),
            options.map(([value, text]) => h("option", { value, selected: String(value) === query[key] }, text)),
          ),
        )
      : null;
  const rows = (name, say = (value) => value) =>
    facets[name]
      .filter((row) => row[name] !== null && row[name] !== "")
      .map((row) => [row[name], `${say(row[name])} (${number(row.count)})`]);
  let timer;
  const search = h("input", {
    type: "search",
    name: "search",
    value: query.search ?? "",
    placeholder: "part of a text",
    oninput: (event) => {
      clearTimeout(timer);
      timer = setTimeout(() => go({ search: event.target.value }), 250);
    },
  });
  return h(
    "form",
    { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
    h("label", {}, "search ", search),
    pick(
      "state",
      "state",
      rows("state", nameSampleState),
    ),
    pick("label", "label", rows("label")),
    pick("cycle", "cycle", rows("cycle")),
    pick("kind", "kind", rows("kind")),
    pick("reason", "left out for", rows("reason", sayReason)),
    pick("weakness", "weakness", rows("weakness")),
    pick("disputed", "dispute", [
      ["true", "disputed"],
      ["false", "not disputed"],
    ]),
    query.lesson && h("span", { class: "badge" }, `lesson ${query.lesson}`),
    Object.keys(query).length ? h("a", { href: route("texts") }, "all texts") : null,
  );
}

function pager(query, first, page) {
  const to = (start) => `${route("texts")}?${new URLSearchParams({ ...query, first: start })}`;
  return h(
    "nav",
    { class: "steps", "aria-label": "pages" },
    first > 0 ? h("a", { href: to(Math.max(0, first - TEXTS_ON_A_PAGE)), rel: "prev" }, "\u2190 earlier") : h("span"),
    first + page.rows.length < page.total
      ? h("a", { href: to(first + TEXTS_ON_A_PAGE), rel: "next" }, "more \u2192")
      : h("span"),
  );
}

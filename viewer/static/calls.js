"use strict";
// Calls of the teacher: what exactly was asked, and what came back.

PAGES.calls = async (source, _, query) => {
  const first = Number(query.first ?? 0);
  const page = await source.get("calls", { ...query, first, count: 100 });
  const to = (change) =>
    `${route("calls")}?${new URLSearchParams(Object.entries({ ...query, first: 0, ...change }).filter(([, value]) => value !== ""))}`;
  const pick = (key, name, options) =>
    h(
      "label",
      {},
      name,
      " ",
      h(
        "select",
        { onchange: (event) => (location.hash = to({ [key]: event.target.value })) },
        h("option", { value: "" }, "all"),
        options.map(([value, text]) => h("option", { value, selected: value === query[key] }, text)),
      ),
    );
  return [
    h("h1", {}, "Calls"),
    h(
      "form",
      { class: "filters" },
      pick(
        "role",
        "agent",
        ["analyst", "generator", "labeler"].map((role) => [role, nameAgent(role)]),
      ),
      pick("status", "outcome", Object.entries(CALL_STATES)),
    ),
    h("p", { class: "quiet" }, count(page.total, "call")),
    card(
      null,
      table(
        [
          "call",
          "agent",
          ["cycle", "num"],
          "outcome",
          ["tokens read", "num"],
          ["tokens written", "num"],
          ["cost", "num"],
          ["time", "num"],
          "prompt set",
        ],
        page.rows.map((call) => [
          linkCall(call.id),
          nameAgent(call.role),
          linkCycle(call.cycle),
          [callBadge(call), call.faults.length ? h("div", { class: "quiet" }, quote(call.faults[0], 120)) : null],
          number(call.input_tokens),
          number(call.output_tokens),
          call.cost_usd === null ? "\u2013" : dollars(call.cost_usd),
          duration(call.seconds),
          h("code", {}, call.prompts),
        ]),
        { caption: "Calls", empty: "No call matches." },
      ),
    ),
    h(
      "nav",
      { class: "steps", "aria-label": "pages" },
      first > 0 ? h("a", { href: to({ first: Math.max(0, first - 100) }) }, "\u2190 earlier") : h("span"),
      first + page.rows.length < page.total ? h("a", { href: to({ first: first + 100 }) }, "more \u2192") : h("span"),
    ),
  ];
};

PAGES.call = async (source, [id]) => {
  const call = await source.get(`call/${id}`);
  const view = await source.get(`cycle/${call.cycle}`);
  const siblings = view.calls.filter(
    (other) => other.span === call.span && other.role === call.role && other.id !== id,
  );
  const isLesson = view.lessons.some((lesson) => lesson.id === call.span);
  return [
    h(
      "p",
      { class: "quiet" },
      linkCycle(call.cycle),
      " / ",
      isLesson ? textsLink(`lesson ${call.span}`, { lesson: call.span }) : call.span,
    ),
    h("h1", {}, `${nameAgent(call.role)}: ${call.id} `, callBadge(call)),
    facts([
      ["model", `${call.model} at ${call.endpoint}`],
      ["used", usage(call) + (call.estimated ? "; the server reported no tokens, these are estimates" : "")],
      ["price", call.cost_usd === null ? "unknown" : `${dollars(call.cost_usd)} (${call.price_source})`],
      ["form of the request", call.ability],
      ["prompt set", [h("code", {}, call.prompts), " ", link("its prompts", "settings")]],
      ["mended", call.flags.filter((flag) => flag !== "batch").join(", ") || null],
      ["answered", call.flags.includes("batch") ? "by batch" : null],
      [
        "other calls here",
        siblings.length ? siblings.map((other, i) => [i ? ", " : "", linkCall(other.id), " ", callBadge(other)]) : null,
      ],
      ["texts", isLesson ? textsLink("what came of it", { lesson: call.span }) : null],
    ]),
    card(null, callContent(call)),
  ];
};

/** Request and reply of a call. */
function callContent(call) {
  const turns = call.request.turns ?? [];
  return [
    call.faults.map((fault) => h("p", { class: "fault" }, quote(fault, 1000))),
    turns.map(([role, text]) => [
      h("h3", {}, { system: "System prompt", user: "Message", assistant: "Earlier reply" }[role] ?? role),
      block(text, role),
      indented(text.match(/<message kind="[a-z_]+">(.*)<\/message>/s)?.[1], `${call.id}-${role}`),
    ]),
    h("h3", {}, "Reply, as it came"),
    call.raw
      ? [block(call.raw, "reply"), indented(call.raw, `${call.id}-reply`)]
      : h("p", { class: "quiet" }, "nothing"),
    h("p", { class: "quiet" }, "parameters ", h("code", {}, JSON.stringify(call.request.parameters ?? {}))),
  ];
}

/** The same JSON with a line per value, folded; nothing where it is no JSON. */
function indented(text, key) {
  if (!text) return null;
  try {
    const value = JSON.parse(text);
    return fold(`indented-${key}`, "the same, indented", () => block(JSON.stringify(value, null, 2), "indented"));
  } catch {
    return null;
  }
}

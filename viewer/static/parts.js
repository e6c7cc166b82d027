"use strict";
// Parts that several pages are made of.

function card(title, ...children) {
  return h("section", { class: "card" }, title && h("h2", {}, title), ...children);
}

function facts(pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs
      .filter((pair) => pair && pair[1] !== null && pair[1] !== undefined && pair[1] !== "")
      .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

/** A table; a column is [name, class] or a name, a cell a child or an array of children; `kind` is its own class. */
function table(columns, rows, { caption, empty = "nothing", kind } = {}) {
  if (!rows.length) return h("p", { class: "quiet" }, empty);
  const heads = columns.map((column) => (Array.isArray(column) ? column : [column, ""]));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption ?? "table" },
    h(
      "table",
      { class: kind },
      caption && h("caption", {}, caption),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map(([name, kind]) => h("th", { scope: "col", class: kind || null }, name)),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((row) =>
          h(
            "tr",
            {},
            row.map((cell, i) => h("td", { class: heads[i][1] || null }, cell)),
          ),
        ),
      ),
    ),
  );
}

/** Folded content that is made when it is opened. */
function fold(key, headline, makeContent, { open = false } = {}) {
  const details = h("details", { "data-key": key, open }, h("summary", {}, headline));
  const load = async () => {
    if (details.dataset.loaded || !details.open) return;
    details.dataset.loaded = "1";
    try {
      add(details, [h("div", { class: "inside" }, await makeContent())]);
    } catch (error) {
      add(details, [h("p", { class: "fault" }, error.message)]);
    }
  };
  details.addEventListener("toggle", load);
  if (open) load();
  return details;
}

function badge(text, kind, title) {
  return h("span", { class: `badge ${kind ?? ""}`, title }, text);
}

const WEAKNESS_MARKS = {
  improving: "good",
  fixed: "good",
  regressed: "bad",
  rolled_back: "bad",
  given_up: "dim",
  dropped: "dim",
};

function weaknessBadge(state) {
  const [name, meaning] = STATES[state] ?? [state, ""];
  return badge(name, WEAKNESS_MARKS[state], meaning);
}

function sampleBadge(sample) {
  const marks = { accepted: "good", rejected: "bad", tombstoned: "bad" };
  return [
    badge(nameSampleState(sample.state), marks[sample.state], SAMPLE_STATES[sample.state]),
    sample.disputed && badge("disputed", "warn", "Generator and Labeler disagree about its label"),
    sample.purpose === "gate" && badge("gate", "", "set aside for the gate, never trained on"),
  ];
}

function gateBadge(gate) {
  const marks = { promoted: "good", "rolled back": "bad" };
  return gate ? badge(gate.outcome, marks[gate.outcome] ?? "dim") : badge("no decision", "dim");
}

// -------------------------------------------------------------------------------------------------------- answers

/** A text with its entities marked; offsets count characters, not UTF-16 units. */
function marked(text, entities, most = 2000) {
  const chars = Array.from(text);
  const parts = [];
  let at = 0;
  for (const entity of [...entities].sort((a, b) => a.start - b.start)) {
    if (entity.start < at || entity.start > most) continue;
    parts.push(chars.slice(at, entity.start).join(""));
    parts.push(
      h(
        "mark",
        { class: entity.kind ? `ent ${entity.kind}` : "ent", title: entity.title },
        chars.slice(entity.start, entity.end).join(""),
        h("small", {}, ` ${entity.label}`),
      ),
    );
    at = entity.end;
  }
  parts.push(chars.slice(at, most).join(""), chars.length > most && "\u2026");
  return h("bdi", { class: "text" }, parts);
}

/** An answer beside or in its text: a label, or the text with marks. */
function answered(text, answer) {
  if (isMarked(answer)) return answer.length ? marked(text, answer) : [quote(text), " ", badge("nothing", "dim")];
  return [
    quote(text),
    " ",
    answer === null || answer === undefined ? badge("not labelled", "dim") : badge(sayAnswer(answer), "label"),
  ];
}

/** What both answers have, what one lacks, what it has too much: entities with the kind of error. */
function findErrors(gold, given) {
  const same = (a, b) => a.start === b.start && a.end === b.end && a.label === b.label;
  const right = gold.filter((g) => given.some((p) => same(g, p)));
  let missed = gold.filter((g) => !given.some((p) => same(g, p)));
  let invented = given.filter((p) => !gold.some((g) => same(g, p)));
  const shared = (a, b) => Math.min(a.end, b.end) - Math.max(a.start, b.start);
  const pairs = missed.flatMap((g) => invented.map((p) => [shared(g, p), g, p])).filter(([n]) => n > 0);
  const errors = [];
  for (const [, g, p] of pairs.sort((a, b) => b[0] - a[0] || a[1].start - b[1].start)) {
    if (!missed.includes(g) || !invented.includes(p)) continue;
    errors.push({ kind: g.label === p.label ? "boundary" : "type", gold: g, predicted: p });
    missed = missed.filter((item) => item !== g);
    invented = invented.filter((item) => item !== p);
  }
  errors.push(...missed.map((g) => ({ kind: "missed", gold: g, predicted: null })));
  errors.push(...invented.map((p) => ({ kind: "invented", gold: null, predicted: p })));
  return { right, errors };
}

const ERROR_WORDS = { boundary: "wrong ends", type: "wrong type", missed: "missed", invented: "invented" };

/** A sentence with the student's entities, right and wrong, each with the kind of its error. */
function markedErrors(text, gold, given) {
  const { right, errors } = findErrors(gold, given);
  const chars = Array.from(text);
  const part = (entity) => chars.slice(entity.start, entity.end).join("");
  const marks = [
    ...right.map((entity) => ({ ...entity, kind: "right", title: "right" })),
    ...errors.map((error) => {
      const entity = error.predicted ?? error.gold;
      const should = error.gold && error.predicted ? `; right: ${part(error.gold)} (${error.gold.label})` : "";
      return {
        ...entity,
        kind: error.kind,
        label: `${entity.label}, ${ERROR_WORDS[error.kind]}`,
        title: `${ERROR_WORDS[error.kind]}${should}`,
      };
    }),
  ];
  return marked(text, marks);
}

/** An examined case of a feedback packet: text, right answer, the student's answer. */
function caseLine(cycle, item) {
  const sure = `${item.confidence.toFixed(2)} sure`;
  const verdict =
    item.verdict === "right"
      ? badge("right", "good")
      : badge(item.verdict === "wrong" ? "wrong" : "confidently wrong", "bad");
  const answers =
    item.verdict === "right"
      ? ["is ", badge(sayAnswer(item.gold), "label")]
      : [
          "is ",
          badge(sayAnswer(item.gold), "label"),
          ", the student said ",
          badge(sayAnswer(item.predicted), "label wrong"),
        ];
  const mistakes = (item.errors ?? []).map(
    (error) =>
      `${ERROR_WORDS[error.kind]}: ${(error.predicted ?? error.gold).text} (${(error.predicted ?? error.gold).label})`,
  );
  return h(
    "div",
    { class: "case" },
    linkCase(cycle, item.id),
    " ",
    verdict,
    " ",
    quote(item.text),
    h("div", { class: "quiet" }, answers, ` (${sure})`, mistakes.length ? `; ${mistakes.join("; ")}` : null),
  );
}

/** A sample in a line. */
function sampleLine(sample) {
  const said = sample.exam ? sample.exam.answer : null;
  const label = sample.label ?? sample.intended;
  const exam =
    said === null
      ? null
      : JSON.stringify(said) === JSON.stringify(label)
        ? "the student knew it"
        : ["the student said ", sayAnswer(said, sample.text), " before it was trained on it"];
  return h(
    "div",
    { class: "case" },
    linkSample(sample.id),
    " ",
    sampleBadge(sample),
    sample.reason && [" ", badge(sayReason(sample.reason), "bad")],
    " ",
    answered(sample.text, label),
    exam && h("div", { class: "quiet" }, exam),
  );
}

function usage(call) {
  const about = call.estimated ? "about " : "";
  return `${about}${number(call.input_tokens)} tokens read, ${number(call.output_tokens)} written, ${duration(call.seconds)}${call.cost_usd === null ? "" : `, ${dollars(call.cost_usd)}`}`;
}

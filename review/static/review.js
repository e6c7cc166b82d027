"use strict";
// The page of a review. Text from users and models only ever becomes text nodes. Every decision is sent at once.

const WHY = {
  disputed: "Labeler and Generator disagree",
  "student disagrees": "the student answers something else",
  drawn: "drawn at random",
  all: "",
};
const DONE = { accept: "accepted", correct: "corrected", refuse: "refused", skip: "skipped" };
const state = { review: null, place: 0, key: decodeURIComponent(location.hash.slice(1)), busy: false };

/** Make an element: `h("button", {onclick: work}, "text", child)`; null and false children are left out. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : shown(String(child)));
  }
  return element;
}

/** Control characters as pictures of themselves, so that none is invisible. */
function shown(text) {
  return text
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f]/g, "\u2421")
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase()}]`);
}

const find = (selector) => document.querySelector(selector);

async function ask(address, body) {
  const reply = await fetch(address, {
    method: body ? "POST" : "GET",
    headers: { "X-Review-Key": state.key, ...(body ? { "Content-Type": "application/json" } : {}) },
    body: body ? JSON.stringify(body) : undefined,
  });
  const content = await reply.json();
  if (!reply.ok) throw new Error(content.error ?? `the server answered ${reply.status}`);
  return content;
}

// -------------------------------------------------------------------------------------------------------- decisions

const item = () => state.review.items[state.place];

async function decide(action, answer) {
  if (state.busy) return;
  state.busy = true;
  const place = state.place;
  try {
    state.review.items[place] = await ask("/api/decide", { id: item().id, action, ...answer });
    moveTo(nextUndecided(place + 1));
  } catch (error) {
    complain(error.message);
  } finally {
    state.busy = false;
  }
}

/** Accept what stands there: the teacher's answer, or the marks as they were edited. */
function accept() {
  const field = find("#marked");
  if (field && field.value !== item().marked) return decide("correct", { marked: field.value });
  const decided = item().decision?.action === "correct";
  if (state.review.sets) {
    const chosen = chosenSet().join(";");
    const changed = item().answer === null || chosen !== item().answer.join(";");
    return changed || decided ? decide("correct", { label: chosen || "(none)" }) : decide("accept", {});
  }
  if (!decided) return decide("accept", {});
  return decide("correct", field ? { marked: field.value } : { label: item().answer });
}

function choose(number) {
  const label = state.review.labels[number - 1]?.name;
  if (!label) return;
  if (state.review.entities) markSelection(label);
  else if (state.review.sets) toggle(label);
  else decide("correct", { label });
}

/** The labels that are chosen for the text at hand, in the order of the buttons. */
function chosenSet() {
  const chosen = item().chosen ?? item().answer ?? [];
  return state.review.labels.map((label) => label.name).filter((name) => chosen.includes(name));
}

/** Take all labels back: none applies. */
function clearSet() {
  item().chosen = [];
  draw();
}

/** Choose a label, or take it back; "accept" stores the set. */
function toggle(label) {
  const chosen = chosenSet();
  item().chosen = chosen.includes(label) ? chosen.filter((name) => name !== label) : [...chosen, label];
  draw();
}

/** Put marks around what is selected in the field. */
function markSelection(label) {
  const field = find("#marked");
  const [start, end] = [field.selectionStart, field.selectionEnd];
  const words = field.value.slice(start, end);
  const inner = words.trim();
  if (!inner) {
    complain("select the words of an entity in the field first");
    return;
  }
  const at = start + words.indexOf(inner);
  field.setRangeText(`[${inner}](${label})`, at, at + inner.length, "end");
  field.focus();
  complain("");
}

function nextUndecided(start) {
  const items = state.review.items;
  for (let step = 0; step < items.length; step += 1) {
    const place = (start + step) % items.length;
    if (!items[place].decision) return place;
  }
  return Math.min(start, items.length - 1);
}

function moveTo(place) {
  state.place = Math.max(0, Math.min(place, state.review.items.length - 1));
  draw();
}

// ---------------------------------------------------------------------------------------------------------- drawing

function complain(text) {
  const fault = find("#fault");
  if (fault) fault.textContent = shown(text);
}

function draw() {
  const { items, run, cycle } = state.review;
  find("#title").textContent = shown(`Review of ${run}, cycle ${cycle}`);
  const left = items.filter((one) => !one.decision).length;
  const next = left ? "" : "; all are decided, so evokd resume goes on with the run";
  find("#progress").textContent = `${items.length - left} of ${items.length} decided${next}`;
  find("#list").replaceChildren(...items.map(drawLine));
  find("#text").replaceChildren(drawText(item()));
  find("#list [aria-current=true]")?.scrollIntoView({ block: "nearest" });
  document.body.dataset.ready = item().id;
}

function drawLine(one, place) {
  const decision = one.decision?.action;
  const current = place === state.place;
  return h(
    "li",
    null,
    h(
      "button",
      { type: "button", "aria-current": current ? "true" : null, onclick: () => moveTo(place) },
      h("bdi", { class: "line" }, one.text.slice(0, 120)),
      h("span", { class: `quiet ${decision ?? ""}` }, decision ? DONE[decision] : "waits"),
    ),
  );
}

function drawText(one) {
  const { items, entities } = state.review;
  const why = WHY[one.why] ?? one.why;
  return h(
    "div",
    null,
    h("h2", null, `${state.place + 1} of ${items.length}`, h("span", { class: "quiet" }, `  ${one.id}  ${why}`)),
    h("p", { class: "words" }, h("bdi", null, entities ? drawPieces(one.pieces) : one.text)),
    entities && drawField(one),
    h("div", { class: "row", role: "group", "aria-label": "Labels" }, state.review.labels.map(drawLabel)),
    h("p", { class: "fault", id: "fault", role: "alert" }),
    drawActions(),
    drawOpinions(one),
    h("p", { class: "quiet", id: "keys" }, tellKeys()),
  );
}

/** What the keys do; the numbers do something else in each task. */
function tellKeys() {
  const { entities, sets, labels } = state.review;
  const numbers = labels.length > 1 ? `1 to ${Math.min(labels.length, 9)}` : "1";
  const rest = "r refuse, s skip, j and k next and previous. Skipped texts stay as they are.";
  if (sets)
    return `Keys: ${numbers} switch a label on and off, 0 switches all off (no label applies), a accepts the labels that are on, ${rest}`;
  if (entities) return `Keys: ${numbers} mark the selected words, a accept, ${rest} Esc leaves the field.`;
  return `Keys: a accept, ${numbers} label, ${rest}`;
}

function drawPieces(pieces) {
  return pieces.map(([words, label]) => (label ? h("mark", null, words, " ", h("small", null, label)) : words));
}

function drawField(one) {
  return [
    h("label", { for: "marked", class: "quiet" }, "Entities, as [words](label): select words and choose a label"),
    h("textarea", { id: "marked", value: one.marked, spellcheck: "false" }),
  ];
}

function drawLabel(label, index) {
  const { entities, sets } = state.review;
  const pressed = sets ? chosenSet().includes(label.name) : !entities && item().answer === label.name;
  return h(
    "button",
    {
      type: "button",
      title: label.meaning,
      "aria-pressed": state.review.entities ? null : String(pressed),
      // the selection in the field would go with the focus
      onmousedown: (event) => event.preventDefault(),
      onclick: () => choose(index + 1),
    },
    label.name,
    index < 9 && h("kbd", null, String(index + 1)),
  );
}

function drawActions() {
  const actions = [
    ["Accept", "a", accept],
    ["Refuse", "r", () => decide("refuse", {})],
    ["Skip", "s", () => decide("skip", {})],
  ];
  return h(
    "div",
    { class: "row" },
    actions.map(([name, key, work]) => h("button", { type: "button", onclick: work }, name, h("kbd", null, key))),
  );
}

function drawOpinions(one) {
  const sure = one.sure === null ? "" : ` (${Math.round(one.sure * 100)} % sure)`;
  const rows = one.opinions.map((opinion) => [
    h("dt", null, opinion.who.replace("student", `student${sure}`)),
    h("dd", null, h("bdi", null, opinion.pieces ? drawPieces(opinion.pieces) : opinion.label)),
  ]);
  if (one.weakness) rows.push([h("dt", null, "written for"), h("dd", null, h("bdi", null, one.weakness))]);
  rows.push([h("dt", null, "text"), h("dd", null, one.real ? "from your data" : "written by the Generator")]);
  if (one.decision) {
    const by = `${DONE[one.decision.action]} by ${one.decision.reviewer}`;
    rows.push([h("dt", null, "decided"), h("dd", { class: one.decision.action }, by)]);
  }
  return h("dl", null, rows);
}

// ------------------------------------------------------------------------------------------------------------- keys

const KEYS = {
  a: accept,
  r: () => decide("refuse", {}),
  s: () => decide("skip", {}),
  j: () => moveTo(state.place + 1),
  k: () => moveTo(state.place - 1),
};

document.addEventListener("keydown", (event) => {
  if (!state.review || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.tagName === "TEXTAREA") {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (/^[1-9]$/.test(event.key)) choose(Number(event.key));
  else if (event.key === "0" && state.review.sets) clearSet();
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});

ask("/api/review").then(
  (review) => {
    state.review = review;
    moveTo(nextUndecided(0));
  },
  (error) => {
    find("#text").replaceChildren(h("p", { class: "fault" }, error.message));
    document.body.dataset.ready = "fault";
  },
);

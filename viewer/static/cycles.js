"use strict";
// A cycle: what the agents said to each other, in order, and what came of it.

/** What stands for no label in confusions, where texts may have any number of them. */
const NO_LABEL = "(none)";

PAGES.cycle = async (source, [text]) => {
  const cycle = /^\d+$/.test(text) ? Number(text) : text;
  const [view, cycles] = await Promise.all([source.get(`cycle/${cycle}`), source.get("cycles")]);
  const last = cycles.at(-1).cycle;
  return [
    h(
      "nav",
      { class: "steps", "aria-label": "cycles" },
      cycle > 0 ? h("a", { href: route("cycle", cycle - 1), rel: "prev" }, `\u2190 cycle ${cycle - 1}`) : h("span"),
      h("h1", {}, cycle ? `Cycle ${cycle}` : "Cycle 0: the seeds alone"),
      cycle < last ? h("a", { href: route("cycle", cycle + 1), rel: "next" }, `cycle ${cycle + 1} \u2192`) : h("span"),
    ),
    cycleSummary(
      view,
      cycles.find((row) => row.cycle === cycle),
    ),
    card("What was said and done", h("ol", { class: "talk" }, conversation(source, view))),
    card("When who worked", timeline(await source.get("timeline"), cycle)),
  ];
};

PAGES.cycles = async (source) => [h("h1", {}, "Cycles"), card(null, cycleTable(await source.get("cycles")))];

function cycleSummary(view, row) {
  const { records } = view;
  return facts([
    ["gate", explainGate(records.gate)],
    [
      "texts",
      view.cycle
        ? [
            textsLink(`${number(row.states.accepted ?? 0)} accepted`, { cycle: view.cycle, state: "accepted" }),
            ", ",
            textsLink(`${number(row.states.rejected ?? 0)} refused`, { cycle: view.cycle, state: "rejected" }),
            row.states.tombstoned
              ? [
                  ", ",
                  textsLink(`${number(row.states.tombstoned)} taken back`, { cycle: view.cycle, state: "tombstoned" }),
                ]
              : null,
            reasonList(row.reasons),
          ]
        : null,
    ],
    ["spent", `${count(row.calls, "call")}, ${number(row.cycle_tokens)} tokens, ${duration(row.cycle_seconds)}`],
    [
      "made of",
      records.kinds?.texts
        ? [
            Object.entries(records.kinds.texts)
              .filter(([, n]) => n)
              .map(([kind, n]) => `${n} ${kind}`)
              .join(", "),
            records.kinds.verdict && h("span", { class: "quiet" }, ` (${records.kinds.verdict})`),
          ]
        : null,
    ],
    ["next", sayDecision(records.decision)],
  ]);
}

/** Whether another cycle followed, and why not. */
function sayDecision(decision) {
  if (!decision) return null;
  if (decision.next === "publish") return `the run ended: ${decision.reason}`;
  return decision.reason === "go on" ? "another cycle" : `another cycle: ${decision.reason}`;
}

function reasonList(reasons) {
  const parts = Object.entries(reasons ?? {});
  return parts.length
    ? h("span", { class: "quiet" }, ` (${parts.map(([reason, n]) => `${n} ${sayReason(reason)}`).join(", ")})`)
    : null;
}

/** The messages, calls and deeds of a cycle, in the order of the graph. */
function conversation(source, view) {
  const name = `c${String(view.cycle).padStart(3, "0")}`;
  const inSpan = (span) => ({
    messages: view.messages.filter((row) => row.span === span),
    calls: view.calls.filter((call) => call.span === span),
  });
  const whole = inSpan(name);
  const find = (rows, kind) => rows.messages.find((row) => row.kind === kind);
  const others = view.calls.filter(
    (call) => call.span !== name && !view.lessons.some((lesson) => lesson.id === call.span),
  );
  const packet = find(whole, "feedback_packet");
  const steps = [];
  if (view.cycle) {
    if (packet) steps.push(packetStep(view.cycle, packet.body));
    for (const kind of ["domain_sample", "label_evidence"])
      if (find(whole, kind))
        steps.push(
          sayStep(
            "curriculum",
            "analyst",
            kind === "domain_sample"
              ? "a sample of real lines, to describe the domain"
              : "labelled rows, to write a guide",
            () => block(JSON.stringify(find(whole, kind).body, null, 1)),
          ),
        );
    steps.push(...[...others, ...whole.calls].map((call) => callStep(source, call)));
    steps.push(
      ...view.events
        .filter((event) => ["profile", "labels_measured", "budget_spent"].includes(event.event))
        .map(eventStep),
    );
    const analysis = find(whole, "analysis");
    if (analysis) steps.push(analysisStep(view));
    else if (view.lessons.length)
      steps.push(quietStep("The Analyst was not asked: no lesson of this cycle was to rest on a weakness."));
    steps.push(...view.lessons.map((lesson) => lessonStep(source, view, lesson, inSpan(lesson.id))));
    if (view.records.curation) steps.push(curationStep(view));
  }
  steps.push(
    ...view.events
      .filter((event) => !["profile", "labels_measured", "budget_spent"].includes(event.event))
      .map(eventStep),
  );
  if (view.records.training) steps.push(trainingStep(view.records.training));
  if (view.records.gate) steps.push(step("gate", "", ["The gate: ", explainGate(view.records.gate)]));
  if (view.records.refit) steps.push(trainingStep(view.records.refit, "trained once more, validation rows added"));
  return steps;
}

function step(from, to, ...content) {
  const who = h(
    "div",
    { class: `who ${from}` },
    h("b", {}, nameAgent(from)),
    to && h("span", { class: "quiet" }, ` \u2192 ${nameAgent(to)}`),
  );
  return h("li", { class: `step from-${from}` }, who, h("div", { class: "said" }, content));
}

const quietStep = (text) =>
  h("li", { class: "step quiet" }, h("div", { class: "who" }), h("div", { class: "said" }, text));

function sayStep(from, to, headline, makeContent, key = headline) {
  return step(from, to, fold(`${from}-${key}`, headline, makeContent));
}

/** A confusion in words; in sets of labels, one that has only one side is a label missed or given wrongly. */
function sayConfusion(item, labels) {
  const none = labels && NO_LABEL in labels ? null : NO_LABEL;
  if (item.gold === none) return `${sayAnswer(item.predicted)} given wrongly`;
  if (item.predicted === none) return `${sayAnswer(item.gold)} missed`;
  return `${sayAnswer(item.gold)} taken for ${sayAnswer(item.predicted)}`;
}

function packetStep(cycle, packet) {
  const wrong = packet.cases.filter((item) => item.verdict !== "right");
  const sure = wrong.filter((item) => item.verdict === "confident_wrong").length;
  const first = packet.confusions?.[0];
  const most = first
    ? `; most often ${sayConfusion(first, packet.labels)} (${first.count})`
    : packet.errors?.length
      ? `; most often ${ERROR_WORDS[packet.errors[0].kind]}: ${packet.errors[0].label} (${packet.errors[0].count})`
      : "";
  const basis = packet.examined ? ` of ${count(packet.examined, `${packet.origin} text`)} examined` : "";
  return sayStep(
    "student",
    "analyst",
    `My answers to ${count(packet.cases.length, "case")}${basis}: ${wrong.length} wrong, ${sure} confidently${most}`,
    () => [
      packet.notices?.map((notice) => h("p", { class: "notice" }, quote(notice))),
      h("h3", {}, "Cases"),
      packet.cases.map((item) => caseLine(cycle, item)),
      packet.confusions?.length
        ? [
            h("h3", {}, "Confusions"),
            h(
              "ul",
              {},
              packet.confusions.map((item) => h("li", {}, `${item.count} \u00d7 ${sayConfusion(item, packet.labels)}`)),
            ),
          ]
        : null,
      packet.errors?.length
        ? [
            h("h3", {}, "Mistakes"),
            h(
              "ul",
              {},
              packet.errors.map((item) => h("li", {}, `${item.count} \u00d7 ${ERROR_WORDS[item.kind]}: ${item.label}`)),
            ),
          ]
        : null,
      packet.report?.length ? [h("h3", {}, "Per label"), reportTable(packet.report)] : null,
    ],
    "packet",
  );
}

function reportTable(report) {
  return table(
    ["label", ["precision", "num"], ["recall", "num"], ["F1", "num"], ["texts", "num"]],
    report.map((row) => [row.label, score(row.precision), score(row.recall), score(row.f1), number(row.support)]),
    { caption: "Scores per label" },
  );
}

function callStep(source, call) {
  const again = call.attempt > 1 ? `, attempt ${call.attempt}` : "";
  const headline = [
    h("b", {}, `call ${call.id}`),
    again,
    ` \u2013 ${usage(call)} `,
    callBadge(call),
    call.flags.map((flag) => [" ", badge(flag, "dim")]),
  ];
  return step(
    call.role,
    "",
    fold(`call-${call.id}`, headline, async () => callContent(await source.get(`call/${call.id}`))),
    call.faults.map((fault) => h("p", { class: "fault" }, quote(fault, 400))),
  );
}

function callBadge(call) {
  return badge(CALL_STATES[call.status] ?? call.status, call.status === "ok" ? "good" : "bad");
}

function analysisStep(view) {
  const rows = view.weaknesses;
  return step(
    "analyst",
    "generator",
    h("p", {}, `I see ${count(rows.length, "weakness", "weaknesses")}.`),
    rows.map((row) =>
      h(
        "div",
        { class: "weakness" },
        h("p", {}, linkWeakness(row.id, row.name), " ", weaknessBadge(row.state)),
        h("p", {}, quote(row.pattern, 600)),
        h(
          "p",
          { class: "quiet" },
          "evidence: ",
          row.evidence.map((id, i) => [i ? ", " : "", linkCase(row.cycle, id)]),
        ),
      ),
    ),
  );
}

function lessonStep(source, view, lesson, span) {
  const states = Object.fromEntries(
    view.counts.filter((row) => row.lesson === lesson.id).map((row) => [row.state, row.count]),
  );
  const real = lesson.kind === "real";
  const topic = lesson.weakness
    ? linkWeakness(lesson.weakness, lesson.plan.weakness.name)
    : real
      ? "texts of yours"
      : lesson.plan.weakness.name === "breadth"
        ? "coverage"
        : lesson.plan.weakness.name;
  const wanted = lesson.plan.quotas
    ?.map((quota) => `${quota.hard + quota.easy} ${quota.label}${quota.hard ? ` (${quota.hard} hard)` : ""}`)
    .join(", ");
  const plan = span.messages.find((row) => row.kind === "lesson_plan");
  return step(
    plan?.sender ?? "curriculum",
    real ? "labeler" : "generator",
    h(
      "p",
      {},
      h("b", {}, `Lesson ${lesson.id}: `),
      topic,
      lesson.kind && [" ", badge(lesson.kind, "", KINDS[lesson.kind])],
      lesson.plan.mode && lesson.plan.mode !== "write" && [" ", badge(lesson.plan.mode)],
    ),
    wanted && h("p", { class: "quiet" }, `wanted: ${wanted}`),
    plan && fold(`plan-${lesson.id}`, "the plan", () => block(JSON.stringify(plan.body, null, 1), "lesson plan")),
    h(
      "ol",
      { class: "talk" },
      span.calls.map((call) => callStep(source, call)),
      lesson.faults.map((fault) => quietStep([h("span", { class: "fault" }, quote(fault, 400))])),
    ),
    h(
      "p",
      {},
      textsLink(`${count(lesson.drafts, real ? "text" : "draft")}`, { lesson: lesson.id }),
      `, ${number(lesson.labelled)} labelled, `,
      textsLink(`${number(states.accepted ?? 0)} accepted`, { lesson: lesson.id, state: "accepted" }),
      states.rejected && [
        ", ",
        textsLink(`${number(states.rejected)} refused`, { lesson: lesson.id, state: "rejected" }),
      ],
      states.tombstoned && [
        ", ",
        textsLink(`${number(states.tombstoned)} taken back`, { lesson: lesson.id, state: "tombstoned" }),
      ],
    ),
    fold(`texts-${lesson.id}`, "the texts", async () =>
      (await source.get("samples", { lesson: lesson.id, count: 100 })).rows.map(sampleLine),
    ),
  );
}

function curationStep(view) {
  const { curation } = view.records;
  return step(
    "curriculum",
    "student",
    `Curation: ${number(curation.accepted)} of ${number(curation.drafts)} texts accepted`,
    curation.disputed ? `, ${count(curation.disputed, "label")} disputed.` : ".",
  );
}

function trainingStep(training, what = "trained") {
  const more = [
    training.unlabelled && `${number(training.unlabelled)} texts it labelled itself`,
    training.device,
    training.precision,
  ].filter(Boolean);
  return step(
    "student",
    "gate",
    `I was ${what} (${training.tune === "head" ? "output layer" : "all weights"}): ${number(training.steps)} steps on ${count(training.samples, "sample")} in ${duration(training.seconds)}, loss ${score(training.loss)}.`,
    more.length && h("p", { class: "quiet" }, more.join(", ")),
    (training.faults ?? []).map((fault) => h("p", { class: "fault" }, quote(fault, 400))),
  );
}

function eventStep(event) {
  const { event: kind, cycle, time, run_id: run, ...rest } = event;
  const lines = {
    labels_measured: () =>
      event.agreement === null
        ? "The Labeler answered none of the labelled rows."
        : `The Labeler agrees with ${percent(event.agreement)} of ${event.rows} labelled rows of yours.`,
    profile: () =>
      `Real texts differ in ${Object.keys(event.axes ?? {}).join(", ") || "nothing that could be described"}.`,
    budget_spent: () => `The ${nameAgent(event.role)} was not asked: ${event.reason}`,
    reviewed: () =>
      `People accepted ${event.accepted}, corrected ${event.corrected}, refused ${event.refused} and skipped ${event.skipped} texts (${event.reviewers.join(", ")}).`,
    training_fault: () => `Training fault${event.mended ? ", mended" : ""}: ${event.fault}`,
  };
  const text = lines[kind] ? lines[kind]() : `${kind}: ${JSON.stringify(rest)}`;
  return quietStep(quote(text, 500));
}

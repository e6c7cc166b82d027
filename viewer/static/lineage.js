"use strict";
// From a training text back to the errors behind it, and from an error to the texts it bought.

PAGES.sample = async (source, [id]) => {
  const sample = await source.get(`sample/${id}`);
  const view = await source.get(`cycle/${sample.cycle}`);
  const lesson = view.lessons.find((item) => item.id === sample.lesson);
  const weakness = sample.weakness
    ? (await source.get("weaknesses")).find((item) => item.id === sample.weakness)
    : null;
  const named = weakness && weakness.cycle !== sample.cycle ? await source.get(`cycle/${weakness.cycle}`) : view;
  const packet = named.messages.find((item) => item.kind === "feedback_packet");
  const errors = weakness && packet ? packet.body.cases.filter((item) => weakness.evidence.includes(item.id)) : [];
  const pairs = sample.pair
    ? (await source.get("samples", { lesson: sample.lesson, count: 500 })).rows.filter(
        (row) => row.pair === sample.pair && row.id !== id,
      )
    : [];
  return [
    h("p", { class: "quiet" }, link("Texts", "texts"), " / ", id),
    h("h1", {}, "Where a text comes from"),
    h(
      "div",
      { class: "card sample" },
      block(sample.text, "the text"),
      h("p", {}, sampleBadge(sample), " ", answerAlone(sample)),
    ),
    h("ol", { class: "chain" }, [
      errorLink(weakness, errors, sample),
      lessonLink(sample, lesson, view),
      draftLink(sample, view),
      labelLink(sample, view),
      fateLink(sample, pairs),
      trainingLink(sample, view),
    ]),
  ];
};

function answerAlone(sample) {
  if (isMarked(sample.label) && sample.label.length) return marked(sample.text, sample.label);
  return sample.label === null ? badge("no label", "dim") : badge(sayAnswer(sample.label), "label");
}

function chainStep(title, ...content) {
  return h("li", {}, h("h2", {}, title), content);
}

function errorLink(weakness, errors, sample) {
  if (!weakness)
    return chainStep(
      "The errors behind it",
      h(
        "p",
        { class: "quiet" },
        sample.source
          ? "None: it is a text of yours, chosen from the pool because it is typical or because the student was unsure."
          : `None: it was ${KINDS[sample.kind] ?? "written without a weakness"}.`,
      ),
    );
  return chainStep(
    "The errors behind it",
    h(
      "p",
      {},
      "They led to ",
      linkWeakness(weakness.id, weakness.name),
      " ",
      weaknessBadge(weakness.state),
      h("span", { class: "quiet" }, ` ${effectSentence(weakness)}`),
    ),
    errors.map((item) => caseLine(weakness.cycle, item)),
  );
}

function lessonLink(sample, lesson, view) {
  const wanted = lesson?.plan.quotas?.map((quota) => `${quota.hard + quota.easy} ${quota.label}`).join(", ");
  return chainStep(
    "The request",
    h(
      "p",
      {},
      "Lesson ",
      textsLink(sample.lesson, { lesson: sample.lesson }),
      " of ",
      linkCycle(view.cycle),
      lesson?.plan.mode ? ` (${lesson.plan.mode})` : "",
      sample.kind ? `, kind ${sample.kind}: ${KINDS[sample.kind] ?? ""}` : "",
    ),
    wanted && h("p", { class: "quiet" }, `wanted: ${wanted}`),
  );
}

function draftLink(sample, view) {
  if (sample.source) return chainStep("The text", h("p", {}, "Yours: ", quote(sample.source)));
  const call = view.calls.find((item) => item.id === sample.draft_call);
  return chainStep(
    "The draft",
    h(
      "p",
      {},
      "Written by the Generator in ",
      linkCall(sample.draft_call),
      call ? `, prompts ${call.prompts}` : "",
      ", for ",
      h("b", {}, sayAnswer(sample.intended, sample.text)),
      sample.difficulty ? `, meant to be ${sample.difficulty}` : "",
    ),
  );
}

function labelLink(sample, view) {
  if (!sample.label_call)
    return chainStep(
      "The label",
      h(
        "p",
        {},
        sample.candidates
          ? "The Labeler was not asked: the student had confirmed what the text was written for."
          : "It was not labelled.",
      ),
    );
  const call = view.calls.find((item) => item.id === sample.label_call);
  const candidates = (sample.candidates ?? []).map((answer) => sayAnswer(answer, sample.text)).join("; then ");
  return chainStep(
    "The label",
    h(
      "p",
      {},
      "The Labeler, who did not know what it was written for, said ",
      h("b", {}, candidates || "nothing"),
      sample.confidence === null ? "" : ` (${sample.confidence.toFixed(2)} sure)`,
      " in ",
      linkCall(sample.label_call),
      call ? `, prompts ${call.prompts}` : "",
      ".",
    ),
    sample.audited && h("p", { class: "quiet" }, "It was sent as a check, although the student had confirmed it."),
  );
}

function fateLink(sample, pairs) {
  const masked = sample.masked.length
    ? `; ${count(sample.masked.length, "part")} of it ${sample.masked.length === 1 ? "is" : "are"} disputed and not learned from`
    : "";
  return chainStep(
    "Curation",
    h(
      "p",
      {},
      sampleBadge(sample),
      ` ${SAMPLE_STATES[sample.state] ?? ""}${sample.reason ? `: ${sayReason(sample.reason)}` : ""}${masked}`,
    ),
    sample.review && h("p", {}, reviewLine(sample.review, sample.text)),
    pairs.length
      ? [h("p", { class: "quiet" }, "Its partner in a pair of similar texts:"), pairs.map(sampleLine)]
      : null,
  );
}

const REVIEWS = {
  accept: "accepted the teacher's answer",
  correct: "corrected the teacher's answer",
  refuse: "refused the text",
  skip: "left it as curation did",
};

/** What a person decided about a text. */
function reviewLine(review, text) {
  const was = review.action === "correct" ? `, which was ${sayAnswer(review.proposed, text)}` : "";
  return `${review.reviewer} ${REVIEWS[review.action] ?? review.action}${was}${review.rest ? ", with all that was left" : ""}.`;
}

function trainingLink(sample, view) {
  const said = sample.exam
    ? h(
        "p",
        {},
        "Before the training the student said ",
        h("b", {}, sayAnswer(sample.exam.answer, sample.text)),
        ` (${sample.exam.confidence.toFixed(2)} sure)${JSON.stringify(sample.exam.answer) === JSON.stringify(sample.label) ? ": it knew it." : "."}`,
      )
    : null;
  const fate =
    sample.state !== "accepted" && sample.state !== "tombstoned"
      ? "It was not trained on."
      : sample.purpose === "gate"
        ? "It is set aside for the gate and was not trained on."
        : ["Trained on in ", linkCycle(view.cycle), ": gate ", explainGate(view.records.gate), "."];
  return chainStep("What it did", said, h("p", {}, fate));
}

PAGES.case = async (source, [cycle, id]) => {
  const view = await source.get(`cycle/${cycle}`);
  const packet = view.messages.find((item) => item.kind === "feedback_packet");
  const found = packet?.body.cases.find((item) => item.id === id);
  if (!found) throw new Error(`"${id}": no such case in cycle ${cycle}`);
  const citing = (await source.get("weaknesses")).filter(
    (row) => row.cycle === Number(cycle) && row.evidence.includes(id),
  );
  const bought = await Promise.all(citing.map((row) => source.get("samples", { weakness: row.id, count: 10 })));
  return [
    h("p", { class: "quiet" }, linkCycle(cycle), " / case ", id),
    h("h1", {}, "What an error led to"),
    h("div", { class: "card sample" }, block(found.text, "the text"), caseAnswers(found)),
    h("ol", { class: "chain" }, [
      chainStep(
        "The weaknesses that cite it",
        citing.length
          ? citing.map((row) =>
              h(
                "p",
                {},
                linkWeakness(row.id, row.name),
                " ",
                weaknessBadge(row.state),
                h("span", { class: "quiet" }, ` ${effectSentence(row)}`),
              ),
            )
          : h("p", { class: "quiet" }, found.verdict === "right" ? "None: the student answered it right." : "None."),
      ),
      chainStep(
        "The texts it bought",
        citing.length
          ? citing.map((row, i) => [
              bought[i].rows.map(sampleLine),
              bought[i].total > bought[i].rows.length
                ? textsLink(`all ${number(bought[i].total)} texts for ${row.name}`, { weakness: row.id })
                : null,
              !bought[i].total && h("p", { class: "quiet" }, `no text was written for ${row.id}`),
            ])
          : h("p", { class: "quiet" }, "None."),
      ),
      chainStep(
        "What they did",
        citing.length ? citing.map((row) => h("p", {}, linkWeakness(row.id), ": ", effectSentence(row))) : null,
        h("p", { class: "quiet" }, "Gate of the cycle: ", explainGate(view.records.gate)),
      ),
    ]),
  ];
};

function caseAnswers(item) {
  const rows = [
    ["right answer", h("b", {}, sayAnswer(item.gold))],
    ["the student said", [h("b", {}, sayAnswer(item.predicted)), ` (${item.confidence.toFixed(2)} sure)`]],
    ["text", item.origin === "real" ? "one of yours" : "written by the Generator"],
    ...(item.errors ?? []).map((error) => [
      ERROR_WORDS[error.kind],
      [
        error.gold ? `${error.gold.text} (${error.gold.label})` : "",
        error.gold && error.predicted ? " read as " : "",
        error.predicted ? `${error.predicted.text} (${error.predicted.label})` : "",
      ],
    ]),
  ];
  return facts(rows);
}

"use strict";
// What the words of the record mean, in sentences.

const STATES = {
  open: ["open", "named; no text of its kind has been examined since"],
  improving: ["improving", "the student answers more texts of its kind than when it was named"],
  fixed: ["fixed", "the student answers nearly all texts of its kind"],
  regressed: ["worse", "the student answers fewer texts of its kind than when it was named"],
  rolled_back: ["rolled back", "the training with its texts was rolled back"],
  given_up: ["given up", "lessons on it did not help, so nothing more is written for it"],
  dropped: ["set aside", "its evidence did not bear it out, so nothing was written for it"],
};

const SAMPLE_STATES = {
  accepted: "accepted: used for training or set aside for the gate",
  rejected: "refused by curation",
  tombstoned: "accepted, then taken back with its cycle",
  drafted: "written, not curated yet",
};

/** Why a text was refused or taken back, as plain words. */
const sayReason = (reason) => String(reason).replaceAll("_", " ");

const nameSampleState = (state) => ({ rejected: "refused", tombstoned: "taken back" })[state] ?? state;

const CALL_STATES = {
  ok: "used",
  fault: "could not be used as it was",
  spent: "could not be used; asked anew after a resume",
  error: "refused by the server",
  lost: "no whole reply came",
};

const KINDS = {
  real: "a text of yours, from the pool",
  plain: "written for coverage",
  toned: "written in the tone of your texts",
  dense: "written close to typical texts",
  varied: "written by the profile of the domain",
  weakness: "written for a weakness",
};

const AGENTS = {
  analyst: "Analyst",
  generator: "Generator",
  labeler: "Labeler",
  student: "student",
  curriculum: "curriculum",
  gate: "gate",
  all: "all",
};

const nameAgent = (role) => AGENTS[role] ?? role;

/** Why a weakness stands where it stands. */
function explainWeakness(row) {
  const parts = [(STATES[row.state] ?? [row.state, ""])[1]];
  const tested = row.tested;
  if (tested && tested.inside !== null && tested.inside !== undefined) {
    const known = (share) => share !== null && share !== undefined;
    const near = known(tested.near) ? `, errs on ${percent(tested.near)} of other texts of this kind` : "";
    const all = known(tested.outside) ? `, errs on ${percent(tested.outside)} of all examined texts` : "";
    parts.push(
      `tested (${tested.verdict}): the student errs or doubts on ${percent(tested.inside)} of the evidence${near}${all}`,
    );
  } else if (tested) parts.push(`the statement was not tested (${tested.verdict})`);
  return parts.filter(Boolean).join("; ");
}

/** The scores that the gate compared. */
function sayScores(gate) {
  if (!gate || gate.after === null) return "\u2013";
  return gate.before === null ? score(gate.after) : `${score(gate.before)} \u2192 ${score(gate.after)}`;
}

/** What the gate decided, in a line. */
function explainGate(gate) {
  if (!gate) return "no decision yet";
  if (gate.after === null) return gate.outcome === "nothing trained" ? "nothing new to train on" : gate.outcome;
  return `${sayScores(gate)}, ${gate.outcome}`;
}

/** Whether an answer is a set of labels; an empty one cannot be told from a text without entities. */
function isSet(answer) {
  return Array.isArray(answer) && typeof answer[0] === "string";
}

/** Whether an answer marks parts of its text. */
function isMarked(answer) {
  return Array.isArray(answer) && !isSet(answer);
}

/** An answer as plain words: the label, the labels, or entities with their types. */
function sayAnswer(answer, text) {
  if (answer === null || answer === undefined) return "not labelled";
  if (typeof answer === "string") return answer;
  if (isSet(answer)) return answer.join(", ");
  if (!answer.length) return "nothing";
  const chars = text === undefined ? null : Array.from(text);
  return answer
    .map((item) => `${item.text ?? (chars ? chars.slice(item.start, item.end).join("") : "")} (${item.label})`)
    .join(", ");
}

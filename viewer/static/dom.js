"use strict";
// Elements, numbers and links. Text from users and models only ever becomes text nodes.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("a", {href: "#/x", class: "quiet"}, "text", child, [more])`; null and false children are left out. */
function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : shown(String(child)));
  }
}

/** Control characters as pictures of themselves, so that none is invisible. */
function shown(text) {
  return text
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f]/g, "\u2421")
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase()}]`);
}

const CUT = 280;

/** A text of a user or a model in a line; long ones are cut and say so. */
function quote(text, most = CUT) {
  const whole = String(text ?? "");
  const cut = whole.length > most ? `${whole.slice(0, most)}\u2026` : whole;
  return h("bdi", { class: "text", title: cut === whole ? null : `${number(whole.length)} characters` }, cut);
}

/** A text as it is, with its lines. */
function block(text, label) {
  return h("pre", { class: "text", tabindex: "0", "aria-label": label ?? "text" }, String(text ?? ""));
}

// ------------------------------------------------------------------------------------------------------- numbers

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function number(value) {
  return value === null || value === undefined ? "\u2013" : grouped.format(value);
}

/** A number with K or M from ten thousand on. */
function short(value) {
  if (value === null || value === undefined) return "\u2013";
  if (value < 10000) return number(value);
  return value < 1e6 ? `${(value / 1e3).toFixed(value < 1e5 ? 1 : 0)}k` : `${(value / 1e6).toFixed(2)}M`;
}

function score(value) {
  return value === null || value === undefined ? "\u2013" : value.toFixed(3);
}

function signed(value, digits = 3) {
  if (value === null || value === undefined) return "\u2013";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 ? `\u2212${text}` : `+${text}`;
}

function percent(value) {
  return value === null || value === undefined ? "\u2013" : `${Math.round(value * 100)} %`;
}

function dollars(value) {
  if (value === null || value === undefined) return "price unknown";
  return `${value.toFixed(value < 1 ? 4 : 2)} USD`;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "\u2013";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function count(value, one, many) {
  return `${number(value)} ${value === 1 ? one : (many ?? `${one}s`)}`;
}

function when(text) {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? "" : time.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

// --------------------------------------------------------------------------------------------------------- links

/** The beginning of every link to a page of the run that is shown. */
let linkPrefix = "#";

function route(...parts) {
  return `${linkPrefix}/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
}

function link(text, ...parts) {
  return h("a", { href: route(...parts) }, text);
}

function textsLink(text, filter) {
  return h("a", { href: `${route("texts")}?${new URLSearchParams(filter)}` }, text);
}

const linkSample = (id) => h("a", { href: route("sample", id), class: "id" }, id);
const linkWeakness = (id, name) => h("a", { href: route("weakness", id) }, name ?? id);
const linkCall = (id) => h("a", { href: route("call", id), class: "id" }, id);
const linkCycle = (cycle) => h("a", { href: route("cycle", cycle) }, `cycle ${cycle}`);
const linkCase = (cycle, id) => h("a", { href: route("case", cycle, id), class: "id" }, id);

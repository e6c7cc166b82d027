"use strict";
// Which page is shown: the address after "#", links between pages, and news of a run that goes on.

const START = JSON.parse(document.getElementById("start").textContent);
const NAVIGATION = [
  ["overview", "Overview"],
  ["cycles", "Cycles"],
  ["weaknesses", "Weaknesses"],
  ["texts", "Texts"],
  ["map", "Map"],
  ["scores", "Scores"],
  ["calls", "Calls"],
  ["graph", "Graph"],
  ["settings", "Settings"],
];
const BELONGS_TO = { cycle: "cycles", weakness: "weaknesses", sample: "texts", case: "cycles", call: "calls" };
const NEEDS_ID = new Set(["cycle", "weakness", "sample", "case", "call"]);
const STAYS = new Set(["texts", "sample", "call", "case", "settings", "map", "calls"]);
/** Pages that are not drawn anew when a run goes on: what is read or typed there must not move. */

const sources = new Map();
let drawing = 0;

/** The address of the first page of another run. */
function runAddress(id) {
  return START.mode === "file"
    ? `#/run/${encodeURIComponent(id)}/overview`
    : `/run/${encodeURIComponent(id)}#/overview`;
}

/** Split the address after "#": run, page, what it is about, query. */
function readAddress() {
  const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodePart);
  let run = START.run ?? START.runs?.[0] ?? null;
  linkPrefix = "#";
  if (parts[0] === "run" && START.runs?.includes(parts[1])) {
    run = parts[1];
    linkPrefix = `#/run/${encodeURIComponent(run)}`;
    parts.splice(0, 2);
  }
  const isWhole = START.mode === "compare" || (START.mode === "file" && START.runs.length > 1 && linkPrefix === "#");
  const first = isWhole ? "compare" : "overview";
  return {
    run,
    isWhole,
    page: isWhole ? first : (parts[0] ?? first),
    rest: parts.slice(1),
    query: Object.fromEntries(new URLSearchParams(search ?? "")),
  };
}

function decodePart(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sourceOf(address) {
  const key = address.isWhole ? "" : address.run;
  if (!sources.has(key)) {
    if (START.mode === "file")
      sources.set(key, new FileSource(address.isWhole ? null : START.runs.indexOf(address.run)));
    else sources.set(key, START.mode === "compare" ? new CompareSource() : new LiveSource(address.run));
  }
  return sources.get(key);
}

/** The comparison of the runs that the address of the window names. */
class CompareSource {
  async get() {
    const reply = await fetch(`/api/compare${location.search}`);
    const content = await reply.json();
    if (!reply.ok) throw new Error(content.error ?? `the server answered ${reply.status}`);
    return content;
  }
}

async function show({ keep = false } = {}) {
  const turn = ++drawing;
  const main = document.getElementById("main");
  if (START.mode === "runs") return showRuns(main);
  const address = readAddress();
  showTop(address);
  document.body.removeAttribute("data-ready");
  let content;
  try {
    if (!Object.hasOwn(PAGES, address.page)) throw new Error(`"${address.page}": there is no such page`);
    if (NEEDS_ID.has(address.page) && !address.rest.length)
      throw new Error(`the address names no ${address.page}`);
    content = await PAGES[address.page](sourceOf(address), address.rest, address.query);
  } catch (error) {
    content = [
      h("h1", {}, "Not here"),
      h("p", { class: "fault" }, error.message),
      h("p", {}, link("Overview", "overview")),
    ];
  }
  if (turn !== drawing) return; // another page was asked for in the meantime
  replaceContent(main, address, content, keep);
}

function replaceContent(main, address, content, keep) {
  const opened = keep
    ? [...main.querySelectorAll("details[open][data-key]")].map((details) => details.dataset.key)
    : [];
  const [x, y] = [scrollX, scrollY];
  const typed = document.activeElement?.name === "search" ? document.activeElement.selectionStart : null;
  main.dataset.page = address.page;
  main.replaceChildren();
  add(main, [content]);
  dropCharts();
  for (const details of main.querySelectorAll("details[data-key]"))
    if (opened.includes(details.dataset.key)) details.open = true;
  document.title = `${main.querySelector("h1")?.textContent ?? "EvoKD"} \u2013 EvoKD`;
  if (keep) scrollTo(x, y);
  else if (typed === null) scrollTo(0, 0);
  const search = main.querySelector("input[name=search]");
  if (typed !== null && search) {
    search.focus();
    search.setSelectionRange(typed, typed);
  } else if (!keep && document.activeElement && document.activeElement !== document.body)
    main.focus({ preventScroll: true });
  document.body.setAttribute("data-ready", address.page);
  window.__ready ??= performance.now();
}

function showTop(address) {
  const current = BELONGS_TO[address.page] ?? address.page;
  const several = START.mode === "file" ? START.runs.length > 1 : true;
  const home = START.mode === "file" ? "#/" : "/";
  document.getElementById("top").replaceChildren(
    h("a", { class: "brand", href: several ? home : "#/overview" }, "EvoKD"),
    address.isWhole ? h("span", { class: "run" }, "comparison") : h("span", { class: "run" }, quote(address.run, 60)),
    h("span", { id: "live", role: "status" }),
    address.isWhole
      ? ""
      : h(
          "nav",
          { class: "pages", "aria-label": "pages" },
          NAVIGATION.map(([page, name]) =>
            h("a", { href: route(page), "aria-current": page === current ? "page" : null }, name),
          ),
        ),
  );
  const note =
    START.mode === "file"
      ? "This file holds everything it shows and asks no server for anything."
      : "Read from the run's folder on this machine; nothing is sent anywhere.";
  document.getElementById("bottom").replaceChildren(h("p", { class: "quiet" }, note));
}

// --------------------------------------------------------------------------------------------------- list of runs

async function showRuns(main) {
  showTop({ page: "runs", isWhole: true });
  document.querySelector(".run").textContent = "runs";
  const reply = await fetch("/api/runs");
  const { runs, folder } = await reply.json();
  const boxes = h(
    "form",
    { action: "/compare", method: "get" },
    runTable(runs),
    runs.length > 1 ? h("p", {}, h("button", { type: "submit" }, "Compare the marked runs")) : null,
  );
  main.dataset.page = "runs";
  main.replaceChildren();
  add(main, [h("h1", {}, "Runs"), h("p", { class: "quiet" }, `in ${folder}`), card(null, boxes)]);
  document.title = "Runs \u2013 EvoKD";
  document.body.setAttribute("data-ready", "runs");
  window.__ready ??= performance.now();
}

function runTable(runs) {
  return table(
    [
      "",
      "run",
      "began",
      "state",
      "domain, preset",
      "teacher",
      "score",
      "",
      ["samples", "num"],
      ["tokens", "num"],
      ["cost", "num"],
    ],
    runs.map((run) => [
      h("input", { type: "checkbox", name: "run", value: run.run_id, "aria-label": `compare ${run.run_id}` }),
      h("a", { href: runAddress(run.run_id) }, quote(run.run_id, 60)),
      run.started ? h("span", { class: "date" }, when(run.started)) : "",
      stateBadge(run.state),
      `${run.domain}, ${run.preset}`,
      run.teacher,
      [
        run.start === null || run.start === undefined
          ? ""
          : h("span", { class: "short" }, `${score(run.start)} \u2192 ${score(run.final)}`),
        run.metric ? h("div", { class: "quiet short" }, run.metric) : null,
      ],
      sparkline(run.gate_scores ?? [], `scores of ${run.run_id} by cycle`),
      number(run.samples),
      run.tokens === undefined ? "" : short(run.tokens),
      run.cost_usd === null || run.cost_usd === undefined ? "\u2013" : dollars(run.cost_usd),
    ]),
    { caption: "Runs", empty: "No run yet; start one with: evokd run support_tickets" },
  );
}

// ------------------------------------------------------------------------------------------------------------ news

function listen() {
  if (START.mode !== "run") return;
  const changes = new EventSource(`/api/run/${encodeURIComponent(START.run)}/changes`);
  let timer = null;
  let size = null;
  changes.addEventListener("change", (message) => {
    const news = JSON.parse(message.data);
    const isFirst = size === null; // what the page shows already
    size = news.size;
    const live = document.getElementById("live");
    if (live)
      live.textContent = news.state
        ? `${news.state}${news.cycle === null || news.cycle === undefined ? "" : `, cycle ${news.cycle}`}${news.node ? `: ${news.node}` : ""}`
        : "";
    const { page } = readAddress();
    if (isFirst || STAYS.has(page) || timer) return;
    timer = setTimeout(() => {
      timer = null;
      show({ keep: true });
    }, 300);
  });
}

addEventListener("hashchange", () => show());
show();
listen();

"use strict";
// Where the pages get their content: from the file they are in, or from the server.

/** Content of a run that is held in this file, unpacked when it is first asked for. */
class FileSource {
  constructor(runNumber) {
    this.runNumber = runNumber;
    this.unpacked = new Map();
    this.isLive = false;
  }

  chunk(name) {
    const full = this.runNumber === null ? name : `${this.runNumber}/${name}`;
    if (!this.unpacked.has(full)) this.unpacked.set(full, unpack(full));
    return this.unpacked.get(full);
  }

  async get(name, query) {
    const [room, ...rest] = name.split("/");
    if (room === "samples") return this.findSamples(query ?? {});
    if (room === "sample") return (await this.samples()).find((row) => row.id === rest[0]) ?? missing(name);
    if (room === "call") return this.getCall(rest[0]);
    if (room === "calls") return this.findCalls(query ?? {});
    if (room === "rows" || (room === "scores" && rest.length))
      return (await this.chunk("answers"))[name] ?? missing(name);
    if (["cycle", "timeline", "map", "compare"].includes(room)) return (await this.chunk(name)) ?? missing(name);
    return (await this.chunk("main"))[name] ?? missing(name);
  }

  async samples() {
    if (!this.rows) {
      const columns = (await this.chunk("samples")) ?? {};
      const keys = Object.keys(columns);
      const length = keys.length ? columns[keys[0]].length : 0;
      this.rows = Array.from({ length }, (_, i) => Object.fromEntries(keys.map((key) => [key, columns[key][i]])));
    }
    return this.rows;
  }

  async findSamples(query) {
    const search = (query.search ?? "").toLowerCase();
    const exact = ["state", "lesson", "weakness", "kind", "reason"].filter((key) => query[key]);
    const matching = (await this.samples()).filter(
      (row) =>
        exact.every((key) => row[key] === query[key]) &&
        (!query.cycle || row.cycle === Number(query.cycle)) &&
        (!query.disputed || row.disputed === (query.disputed === "true")) &&
        (!query.label || labelsOf(row.label).includes(query.label)) &&
        (!search || row.text.toLowerCase().includes(search)),
    );
    const first = Number(query.first ?? 0);
    return { total: matching.length, rows: matching.slice(first, first + Number(query.count ?? 50)) };
  }

  async getCall(id) {
    const outline = (await this.chunk("calls")).find((call) => call.id === id);
    if (!outline) return missing(`call/${id}`);
    const { texts, calls } = await this.chunk(`calls/${outline.cycle}`);
    const call = calls[id];
    const turns = call.request.turns.map(([role, text]) => [role, typeof text === "number" ? texts[text] : text]);
    return { ...call, request: { ...call.request, turns } };
  }

  async findCalls(query) {
    const calls = (await this.chunk("calls")).filter((call) =>
      ["role", "status"].every((key) => !query[key] || call[key] === query[key]),
    );
    const first = Number(query.first ?? 0);
    return { total: calls.length, rows: calls.slice(first, first + Number(query.count ?? 50)) };
  }
}

/** Content of a run that the server reads from its record, anew each time. */
class LiveSource {
  constructor(run) {
    this.run = run;
    this.isLive = true;
  }

  async get(name, query) {
    const path = name.split("/").map(encodeURIComponent).join("/");
    const search = query ? `?${new URLSearchParams(query)}` : "";
    const reply = await fetch(`/api/run/${encodeURIComponent(this.run)}/${path}${search}`);
    const content = await reply.json();
    if (!reply.ok) throw new Error(content.error ?? `the server answered ${reply.status}`);
    return content;
  }
}

function missing(name) {
  throw new Error(`"${name}": not in this run`);
}

function labelsOf(answer) {
  if (typeof answer === "string") return [answer];
  return Array.isArray(answer) ? [...new Set(answer.map((item) => item.label ?? item))] : [];
}

/** Unpack a part of this file: JSON, compressed by gzip, in base64; null where there is none. */
async function unpack(name) {
  const holder = [...document.querySelectorAll("script[data-chunk]")].find((element) => element.dataset.chunk === name);
  if (!holder) return null;
  const binary = atob(holder.textContent.trim());
  const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// Signs in, draws the figures, and redraws them on events of the event stream.

const api = document.body.dataset.api;
const SVG = "http://www.w3.org/2000/svg";
const PAUSE = 2000;
const EVERY = 15000;
const byId = (id) => document.getElementById(id);

// Here and nowhere else: what is in localStorage, every script of the origin could read.
let tokens = null;
let stream = null;
let timer = null;
let shown = null;

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await signIn(event.target);
  } catch {
    showError("The service does not respond.");
  }
});

async function signIn(form) {
  const response = await fetch(`${api}/auth/token`, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const body = await response.json();
  if (!response.ok) return showError(body.detail ?? body.title);
  tokens = body;
  form.reset();
  await draw();
}

byId("leave").addEventListener("click", async () => {
  try {
    await call("/auth/logout", { method: "POST" });
  } finally {
    leave();
  }
});

function showError(reason) {
  byId("error-message").textContent = reason;
  byId("error-message").hidden = false;
}

function show(isSignedIn) {
  if (byId("board").hidden !== isSignedIn) return;
  byId("sign-in").hidden = isSignedIn;
  byId("board").hidden = byId("leave").hidden = byId("live").hidden = !isSignedIn;
  // The button that had the focus is hidden now.
  byId(isSignedIn ? "title" : "username").focus();
}

function leave(reason) {
  tokens = shown = null;
  stream?.abort();
  clearTimeout(timer);
  document.dispatchEvent(new CustomEvent("left"));
  show(false);
  byId("error-message").hidden = true;
  if (reason) showError(reason);
}

async function call(path, options = {}) {
  const send = () => fetch(api + path, { ...options, headers: { ...options.headers, Authorization: `Bearer ${tokens.access_token}` } });
  const response = await send();
  if (response.status !== 401 || !(await refresh())) return response;
  return send();
}

async function refresh() {
  const body = JSON.stringify({ refresh_token: tokens.refresh_token });
  const response = await fetch(`${api}/auth/refresh`, { method: "POST", body, headers: { "Content-Type": "application/json" } });
  if (response.ok) tokens = await response.json();
  return response.ok;
}

// Again and again, so that what could not be read now is read once the service is back.
async function drawAgain() {
  try {
    await draw();
  } catch {
    later();
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(drawAgain, EVERY);
}

async function draw() {
  const response = await call("/dashboard");
  const figures = await response.json();
  if (!response.ok) return leave(figures.detail);
  show(true);
  render(figures);
  // tasks.js draws the tasks.
  document.dispatchEvent(new CustomEvent("drawn", { detail: call }));
  if (!stream || stream.signal.aborted) listen();
  later();
}

// By fetch and not by EventSource, which could not send the token in a header.
async function listen() {
  stream = new AbortController();
  const { signal } = stream;
  while (!signal.aborted) {
    try {
      const response = await call("/events", { signal, headers: { Accept: "text/event-stream" } });
      if (response.ok) await follow(response.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch {
      // The service or the network went away: said below, and tried again.
    }
    state("offline");
    await new Promise((done) => setTimeout(done, PAUSE));
  }
}

async function follow(reader) {
  state("live");
  let soon = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (value.includes("event:")) soon ??= setTimeout(() => { soon = null; drawAgain(); }, PAUSE);
  }
}

function state(word) {
  byId("live").textContent = word;
  byId("live").classList.toggle("chip-live", word === "live");
}

// The charts have the width of the window.
window.addEventListener("resize", () => {
  if (shown) render(shown);
});

function render(figures) {
  shown = figures;
  const whose = figures.requests ? "Whole service" : "Yours";
  byId("counted").textContent = `${whose}, counted at ${new Date(figures.counted_at).toLocaleTimeString()}`;
  byId("totals").replaceChildren(...totals(figures.totals));
  columns("items-by-day", lastDays(figures.items_by_day));
  columns("prices", figures.prices.map((each) => ({ name: short(each.up_to), title: `${each.above} to ${each.up_to}`, count: each.count })));
  bars("tags", figures.tags.map((each) => ({ name: each.tag, count: each.count })));
  bars("tasks", figures.tasks.map((each) => ({ name: each.status, count: each.count, kind: { failed: "bad", cancelled: "quiet" }[each.status] })));
  byId("requests-card").hidden = !figures.requests;
  byId("tasks-card").classList.toggle("wide", !figures.requests);
  bars("requests", (figures.requests ?? []).map((each) => ({ name: String(each.status), count: each.count, kind: each.status >= 500 ? "bad" : each.status >= 400 ? "quiet" : undefined })));
}

function totals(figures) {
  const { stored_bytes: bytes, ...counts } = figures;
  const shown = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count.toLocaleString()]));
  if (bytes !== undefined) shown.stored = size(bytes);
  return Object.entries(shown).map(([name, text]) => {
    const box = document.createElement("div");
    box.className = "total";
    box.append(Object.assign(document.createElement("b"), { textContent: text }));
    box.append(Object.assign(document.createElement("span"), { textContent: name }));
    return box;
  });
}

function lastDays(days) {
  const counts = new Map(days.map((each) => [each.day, each.count]));
  return Array.from({ length: 30 }, (_, index) => {
    const day = new Date(Date.now() - (29 - index) * 86400000).toISOString().slice(0, 10);
    return { name: index % 7 === 1 ? dayName(day) : "", title: day, count: counts.get(day) ?? 0 };
  });
}

function dayName(day) {
  return new Date(day).toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
}

function columns(id, rows) {
  const [width, height] = [byId(id).clientWidth || 600, 180];
  const [top, step, base] = [Math.max(1, ...rows.map((row) => row.count)), width / rows.length, height - 22];
  const marks = rows.flatMap((row, index) => {
    const tall = row.count ? Math.max(2, (row.count / top) * (base - 18)) : 0;
    const x = index * step;
    const mark = element("rect", { class: "mark", x: x + step * 0.12, y: base - tall, width: step * 0.76, height: tall, rx: 2 });
    mark.append(element("title", {}, `${row.title}: ${row.count.toLocaleString()}`));
    return [mark, element("text", { class: "label", x: x + step / 2, y: height - 5, "text-anchor": "middle" }, row.name)];
  });
  const most = element("text", { class: "label", x: 0, y: 10 }, top.toLocaleString());
  const lines = [18, base].map((y) => element("line", { class: "axis", x1: 0, x2: width, y1: y - 0.5, y2: y - 0.5 }));
  put(id, rows, width, height, [...lines, most, ...marks]);
}

function bars(id, rows) {
  const [width, line] = [byId(id).clientWidth || 400, 26];
  const [top, left, height] = [Math.max(1, ...rows.map((row) => row.count)), 96, Math.max(1, rows.length) * line];
  // Long names end before the bars.
  const names = element("clipPath", { id: `${id}-names` });
  names.append(element("rect", { width: left - 8, height }));
  const marks = rows.flatMap((row, index) => {
    const [y, long] = [index * line, Math.max(2, (row.count / top) * (width - left - 64))];
    const name = element("text", { class: "label", x: 0, y: y + 15, "clip-path": `url(#${id}-names)` }, row.name.length > 14 ? `${row.name.slice(0, 13)}…` : row.name);
    name.append(element("title", {}, row.name));
    return [
      name,
      element("rect", { class: `mark ${row.kind ? `mark-${row.kind}` : ""}`, x: left, y: y + 4, width: long, height: 14, rx: 3 }),
      element("text", { class: "value", x: left + long + 8, y: y + 15 }, row.count.toLocaleString()),
    ];
  });
  put(id, rows, width, height, [names, ...marks]);
}

function put(id, rows, width, height, children) {
  if (!rows.some((row) => row.count)) {
    const nothing = Object.assign(document.createElement("p"), { className: "empty", textContent: "Nothing yet." });
    return byId(id).replaceChildren(nothing);
  }
  const drawing = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": rows.map((row) => `${row.title ?? row.name}: ${row.count}`).join(", ") });
  drawing.append(...children);
  byId(id).replaceChildren(drawing);
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function short(amount) {
  const number = Number(amount);
  return number >= 1000 ? `${number / 1000}k` : String(number);
}

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

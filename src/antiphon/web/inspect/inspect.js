// @ts-check
/**
 * The wiring of /inspect: what the server tells goes through the pure modules to the panels. It holds the page's whole state:
 * the calls, the one that is looked at, its entries, and the filter.
 */
import { keep, kept } from "../kept.js";
import { byId } from "./elements.js";
import { Feed } from "./feed.js";
import { coloured } from "./json-view.js";
import { addRows, bytes, clock, entryOf, seconds, wordsOf } from "./log.js";
import { LogView } from "./log-view.js";
import { drawSession, drawTurns } from "./panels.js";
import { SessionLog } from "./session.js";
import { SoundView } from "./sound-view.js";
import { TurnLog } from "./turns.js";

/** @typedef {import("./log.js").Entry} Entry @typedef {import("./log.js").Row} Row */

const MOST_ENTRIES = 100_000;
const SPARE_ENTRIES = 10_000; // so many more before the oldest are dropped, all at once: the rows are made anew then
const MOST_COPIES = 200;
const TABS = ["events", "turns", "session"];
const KINDS = /** @type {Record<string, string>} */ ({ websocket: "WebSocket", webrtc: "WebRTC", hosted: "hosted, by its sideband" });

const root = document.documentElement;

/** @type {any[]} */ let calls = [];
/** @type {string|null} */ let looked = null;
/** @type {Entry[]} */ let entries = [];
/** @type {Row[]} */ let rows = [];
let shown = 0;
let turns = new TurnLog();
let session = new SessionLog();
let dropped = 0;
let tab = "events";
/** @type {Row|null} */ let chosen = null;
/** @type {Map<string, HTMLLIElement>} */ const callItems = new Map();
let isDrawDue = false;

const log = new LogView(byId("log"), byId("log-space"), choose, () => setFollowing(false));
const sound = new SoundView(() => drawDetail());
const feed = new Feed(take, (state) => {
  byId("line").textContent = state === "live" ? "live" : "connection lost, trying again";
  byId("line").dataset.state = state;
});

// ── what the server tells ───────────────────────────────────────────────────────────────────────────────────────

/** @param {import("./feed.js").Told} told */
function take(told) {
  if (told.calls) {
    calls = told.calls;
    const wanted = new URLSearchParams(location.hash.slice(1)).get("call");
    if (looked === null && calls.length) lookAt(calls.some((call) => call.id === wanted) ? wanted : calls[0].id, { isChoice: wanted !== null });
    drawCalls();
    drawHead();
  }
  if (told.lines?.length) {
    const fresh = told.lines.map(entryOf);
    dropped = told.dropped ?? 0;
    for (const entry of fresh) {
      entries.push(entry);
      turns.add(entry);
      session.add(entry);
    }
    if (entries.length > MOST_ENTRIES + SPARE_ENTRIES) {
      entries.splice(0, entries.length - MOST_ENTRIES);
      refilter();
    } else {
      shown += addRows(rows, fresh, filterNow(), byId("group").checked);
      drawSoon();
    }
  }
}

/** @param {string|null} id @param {{isChoice?: boolean}} [options]  whether a person chose it */
function lookAt(id, { isChoice = true } = {}) {
  looked = id;
  entries = [];
  rows = [];
  shown = dropped = 0;
  turns = new TurnLog();
  session = new SessionLog();
  choose(null);
  log.clearChoice();
  setFollowing(true);
  feed.lookAt(id, 0);
  if (isChoice) root.dataset.view = "call";
  remember();
  drawCalls();
  drawHead();
  drawSoon();
}

function remember() {
  const parts = new URLSearchParams();
  if (looked) parts.set("call", looked);
  if (tab !== "events") parts.set("tab", tab);
  history.replaceState(null, "", `#${parts}`);
}

// ── drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────

function drawCalls() {
  byId("calls-count").textContent = calls.length ? String(calls.length) : "";
  byId("no-calls").hidden = calls.length > 0;
  const items = calls.map((call) => {
    const item = callItems.get(call.id) ?? callItem(call.id);
    const [button] = item.children;
    if (call.id === looked) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    /** @type {HTMLElement} */ (button).dataset.live = String(call.ended_at === null);
    const [name, time, facts] = button.children;
    name.textContent = call.id;
    time.textContent = new Date(call.began_at * 1000).toLocaleTimeString();
    facts.textContent = `${KINDS[call.kind] ?? call.kind} · ${call.events} ${call.events === 1 ? "event" : "events"} · ${call.ended_at === null ? "live" : seconds((call.ended_at - call.began_at) * 1000)}`;
    return item;
  });
  for (const id of callItems.keys()) if (!calls.some((call) => call.id === id)) callItems.delete(id);
  const list = byId("calls");
  // Only where the list has changed: a button that is replaced while it is pressed is a dead one.
  if (items.length !== list.children.length || items.some((item, index) => item !== list.children[index])) list.replaceChildren(...items);
}

/** @param {string} id */
function callItem(id) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.append(span("call-name", ""), span("call-time figures", ""), span("call-facts", ""));
  button.addEventListener("click", () => lookAt(id));
  item.append(button);
  callItems.set(id, item);
  return item;
}

function drawHead() {
  const call = calls.find((one) => one.id === looked);
  byId("call").hidden = !call;
  byId("no-call").hidden = Boolean(call);
  if (!call) return;
  byId("call-id").textContent = call.id;
  const began = new Date(call.began_at * 1000).toLocaleString();
  const how = call.ended_at === null ? "live" : `lasted ${seconds((call.ended_at - call.began_at) * 1000)}`;
  byId("call-facts").textContent = `${KINDS[call.kind] ?? call.kind} · ${began} · ${how} · ${bytes(call.bytes)} of events`;
  byId("export").href = `calls/${encodeURIComponent(call.id)}/trace.jsonl`;
  sound.show(call);
}

function drawSoon() {
  if (isDrawDue) return;
  isDrawDue = true;
  requestAnimationFrame(() => {
    isDrawDue = false;
    draw();
  });
}

function draw() {
  byId("tab-events-count").textContent = entries.length ? String(entries.length) : "";
  byId("tab-turns-count").textContent = turns.all.length ? String(turns.all.length) : "";
  const { fields, applied, updates } = session;
  const off = fields.filter((field) => field.verdict === "differs" || field.verdict === "ignored");
  byId("tab-session-count").textContent = off.length ? `≠ ${off.length}` : "";
  if (tab === "events") {
    log.show(rows);
    byId("log-empty").hidden = rows.length > 0;
    const gone = dropped ? `, ${dropped} older ones dropped` : "";
    byId("shown").textContent = `${shown} of ${entries.length} shown${gone}`;
  } else if (tab === "turns") {
    byId("no-turns").hidden = turns.all.length > 0;
    byId("turns-legend").hidden = turns.all.length === 0;
    drawTurns(byId("turns"), turns.all, turns.changed);
    turns.changed.clear();
  } else {
    drawSession(byId("session-rows"), byId("differences").checked ? off : fields);
    const count = off.length === 1 ? "1 field differs" : `${off.length} fields differ`;
    const changed = updates === 1 ? "1 update" : `${updates} updates`;
    byId("session-words").textContent = applied === null ? "The server has shown no session yet." : `${count} from what was asked for, in ${changed}.`;
  }
}

function refilter() {
  rows = [];
  shown = addRows(rows, entries, filterNow(), byId("group").checked);
  drawSoon();
}

function filterNow() {
  return {
    text: byId("search").value.trim().toLowerCase(),
    dirs: { out: byId("show-out").checked, in: byId("show-in").checked, note: byId("show-note").checked },
    kind: byId("kind").value,
  };
}

/** @param {boolean} isFollowing */
function setFollowing(isFollowing) {
  byId("follow").checked = isFollowing;
  log.follow(isFollowing);
}

/** @param {Row|null} row */
function choose(row) {
  chosen = row;
  if (row && row !== rows[rows.length - 1]) setFollowing(false);
  drawDetail();
}

function drawDetail() {
  byId("detail").hidden = chosen === null;
  byId("panel-events").dataset.detail = chosen ? "open" : "";
  if (!chosen) return;
  const [first] = chosen.entries;
  const last = chosen.entries[chosen.entries.length - 1];
  byId("detail-type").textContent = chosen.type;
  const facts = [
    { in: "from the server", out: "from the caller", note: "a note of the server" }[chosen.dir],
    chosen.entries.length > 1 ? `${clock(first.t)} to ${clock(last.t)}` : `at ${clock(first.t)}`,
    chosen.entries.length > 1 ? `${chosen.entries.length} events` : `number ${first.number}`,
    chosen.size ? bytes(chosen.size) : "",
    ...Object.entries(first.elided).map(([path, size]) => `${path}: ${bytes(size)} left out`),
  ];
  byId("detail-facts").textContent = facts.filter(Boolean).join(" · ");
  byId("detail-play").hidden = !sound.isLoaded;
  const shown = chosen.entries.length === 1 ? first.event : { together: wordsOf(chosen), events: chosen.entries.slice(0, MOST_COPIES).map((entry) => entry.event) };
  byId("detail-json").replaceChildren(...coloured(shown));
}

/** @param {string} name */
function showTab(name) {
  tab = name;
  for (const one of TABS) {
    const button = byId(`tab-${one}`);
    button.setAttribute("aria-selected", String(one === name));
    button.tabIndex = one === name ? 0 : -1;
    byId(`panel-${one}`).hidden = one !== name;
  }
  remember();
  drawSoon();
}

/** @param {string} className @param {string} text */
function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

// ── begin ───────────────────────────────────────────────────────────────────────────────────────────────────────

const theme = kept("antiphon.theme");
if (theme === "light" || theme === "dark") root.dataset.theme = theme;
byId("theme").addEventListener("click", () => {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  keep("antiphon.theme", root.dataset.theme);
  sound.redraw();
});
for (const id of ["show-out", "show-in", "show-note", "kind", "group"]) byId(id).addEventListener("change", refilter);
byId("search").addEventListener("input", refilter);
byId("follow").addEventListener("change", () => log.follow(byId("follow").checked));
byId("differences").addEventListener("change", drawSoon);
byId("back").addEventListener("click", () => (root.dataset.view = "calls"));
byId("detail-close").addEventListener("click", () => {
  choose(null);
  log.clearChoice();
  byId("log").focus();
});
byId("detail-play").addEventListener("click", () => chosen && sound.playFrom(chosen.t));
byId("detail-copy").addEventListener("click", async () => {
  const json = byId("detail-json");
  const button = byId("detail-copy");
  try {
    await navigator.clipboard.writeText(json.textContent);
    button.textContent = "Copied";
  } catch {
    // A page that is not secure may not; a person still may.
    getSelection()?.selectAllChildren(json);
    button.textContent = `Selected: press ${/Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl+"}C`;
  }
  setTimeout(() => (button.textContent = "Copy"), 3_000);
});
for (const name of TABS) byId(`tab-${name}`).addEventListener("click", () => showTab(name));
document.querySelector(".tabs")?.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[/** @type {KeyboardEvent} */ (event).key];
  if (!step) return;
  const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length];
  showTab(next);
  byId(`tab-${next}`).focus();
});
addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === "/" && !target.matches("input, select, textarea")) {
    event.preventDefault();
    showTab("events");
    byId("search").focus();
  } else if (event.key === "Escape" && chosen) byId("detail-close").click();
});
const wantedTab = new URLSearchParams(location.hash.slice(1)).get("tab");
if (wantedTab && TABS.includes(wantedTab)) showTab(wantedTab);

// @ts-check
/**
 * `<antiphon-call src="https://your-server/">`: the call as a widget for anybody's page. Its look is in a shadow root, to be
 * changed by CSS custom properties and `::part()`s; all of the call is in its `call`. Not here: what a call is.
 *
 * Attributes: `src` (as `url` of RealtimeCall), `token-url` (answers GET with an ephemeral key: JSON with `value`, or text),
 * `language` (en, ru), `theme` (light, dark; else the system's), `voice`, `text-only`. Every event of the call leaves the
 * element as "antiphon" and as "antiphon:" with its name, with itself as `detail`; both bubble through shadow roots.
 */

import { USUAL_SESSION } from "./call-options.js";
import { Mark } from "./mark.js";
import { loudness } from "./meter.js";
import { problemOf } from "./problems.js";
import { RealtimeCall } from "./realtime-call.js";
import { merged } from "./session.js";

/** @type {Record<string, string>} as RUSSIAN in element-words-ru.js */
const ENGLISH = {
  start: "Start",
  end: "End call",
  mute: "Mute",
  unmute: "Unmute",
  type_here: "Type a message",
  send: "Send",
  stop: "Stop the answer",
  transcript: "Transcript",
  you: "you",
  them: "assistant",
  idle: "Press start and speak. Or type.",
  connecting: "connecting",
  reconnecting: "The connection dropped. Calling again, your conversation is kept.",
  listening: "listening",
  hearing: "hearing you",
  thinking: "thinking",
  speaking: "speaking",
  ended: "ended",
  blocked: "Click or tap anywhere to hear the answer.",
  fallback: "This network blocks voice traffic, so sound now travels another way and may lag a little.",
  expiring: "The call ends soon, for nobody has spoken in a while. Say or type something, and it goes on.",
  failed: "The call could not be made. Press Start in a moment.",
  connection_lost: "The connection dropped and did not come back. Press Start to call again.",
  no_path: "The server answers, but no sound gets through. Try another network or turn the VPN off, then press Start.",
  session_expired: "The call reached its time limit. Press Start to call again.",
  server_error: "The server could not take the call. Press Start in a moment.",
  server_slow: "The server took too long to answer. Press Start in a moment.",
  server_full: "All lines are taken. Press Start in a minute.",
  server_gone: "The server cannot be reached. Check your connection, then press Start.",
  too_many: "Too many calls. Press Start in a minute.",
  not_allowed: "This page may not call here: its key is missing or too old. Reload it.",
  no_token: "This page could not get a key for the call. Reload it, then press Start.",
  origin_not_allowed: `This server takes no calls from this site. Whoever runs it can allow that: --allow-origin ${globalThis.location?.origin}`,
  microphone_refused: "Your browser blocked the microphone. Allow it in the address bar. You can type meanwhile.",
  microphone_missing: "No microphone was found. You can type.",
  microphone_busy: "The microphone did not start. You can type.",
  microphone_gone: "The microphone is gone. You can type.",
  microphone_insecure: "A microphone needs a page that came over https. You can type.",
  message_too_large: "The message is too long. Make it shorter.",
  queue_full: "Too much waits to be sent. Wait until the call is back.",
};

/** @type {Record<string, string>|null} null: not fetched yet */
let russian = null;
/** @type {Promise<void>|null} */
let fetching = null;

/** Without them it speaks English. */
function fetchRussian() {
  return (fetching ??= import("./element-words-ru.js").then(({ RUSSIAN }) => void (russian = RUSSIAN), () => void (russian = {})));
}

/** Which notice is over by which event. @type {Record<string, RegExp>} */
const OVER_BY = {
  "microphone.changed": /^microphone/, "speaker.blocked": /^blocked/, "connection.renewed": /^expiring/, "assistant.completed": /^fallback/, "connection.changed": /./,
};

const LIGHT = "--paper:#fbfaf7;--card:#fff;--ink:#1b1d22;--soft:#5b6069;--line:#e3e0d8;--you:#9a4b12;--them:#0b6472;--bad:#b3261e;--on:#fff";
const DARK = "--paper:#111318;--card:#1a1d24;--ink:#eceae4;--soft:#a3a8b3;--line:#2b2f39;--you:#f2a65a;--them:#5cc8d7;--bad:#ff8a80;--on:#111318";
const TOKENS = ["paper", "card", "ink", "soft", "line", "you", "them", "bad", "on"];
const STYLE = [
  `:host{display:block;${LIGHT};color-scheme:light;max-width:28rem;font:1rem/1.5 ui-sans-serif,system-ui,sans-serif}`,
  `@media(prefers-color-scheme:dark){:host(:not([theme=light])){${DARK};color-scheme:dark}}`,
  `:host([theme=dark]){${DARK};color-scheme:dark}`,
  ":host([hidden]){display:none}",
  `.card{${TOKENS.map((name) => `--${name}-now:var(--antiphon-${name},var(--${name}))`).join(";")};display:flex;flex-direction:column;gap:12px;padding:16px;`,
  "color:var(--ink-now);background:var(--paper-now);border:1px solid var(--line-now);border-radius:var(--antiphon-radius,10px)}",
  ".mark{width:160px;height:80px;align-self:center;overflow:visible}",
  ".arc-you{--voice:var(--you-now)}.arc-them{--voice:var(--them-now)}",
  ".arc-line{fill:none;stroke:var(--voice);stroke-width:1.6;stroke-linecap:round}.arc-wave{fill:var(--voice)}",
  ".card[data-muted] .arc-you .arc-line{stroke-dasharray:4 4}",
  ".card:is([data-state=idle],[data-state=ended],[data-state=error]) .arc{--voice:var(--soft-now)}",
  ".card:is([data-state=listening],[data-state=hearing]) .arc-them,.card:is([data-state=thinking],[data-state=speaking]) .arc-you{opacity:.45}",
  "@media(prefers-reduced-motion:no-preference){.card[data-state=thinking] .arc-them{animation:breathe 2s ease-in-out infinite}}",
  "@keyframes breathe{50%{opacity:.4}}",
  ".status,.notice{margin:0;text-align:center;font-size:.8125rem;line-height:1.4;color:var(--soft-now)}.notice{color:var(--bad-now)}",
  "ol{margin:0;padding:0;list-style:none}.transcript{max-height:var(--antiphon-transcript-height,16rem);overflow-y:auto;overflow-wrap:anywhere}",
  ".message{margin:0 0 10px}.theirs{padding-left:24px}.name{display:block;font-size:.875rem;line-height:1.2;font-variant-caps:all-small-caps;letter-spacing:.04em;color:var(--you-now)}",
  ".theirs .name{color:var(--them-now)}.message img{max-width:100%;max-height:10rem;border-radius:6px}del{color:var(--soft-now)}.problem{color:var(--bad-now);font-size:.8125rem}",
  "form{display:flex;gap:8px}button,textarea{font:inherit;border-radius:999px;border:1px solid var(--line-now);min-height:44px;cursor:pointer}",
  "textarea{flex:1;min-width:0;box-sizing:border-box;resize:none;padding:9px 16px;border-radius:22px;color:var(--ink-now);background:var(--card-now);cursor:text;height:44px}textarea::placeholder{color:var(--soft-now);opacity:1}",
  "button{white-space:nowrap;padding:0 16px;color:var(--ink-now);background:var(--card-now)}.send{width:3rem;padding:0}.controls{display:flex;gap:8px;justify-content:center}",
  ".start{flex:1;color:var(--on-now);background:var(--them-now);border-color:transparent;font-weight:600}",
  ".card:not([data-state=idle],[data-state=ended],[data-state=error]) .start{background:var(--bad-now)}",
  ":is(button,textarea):focus-visible{outline:2px solid var(--them-now);outline-offset:2px}[hidden]{display:none}",
].join("\n");

/** Of a server without DOM the module can still be imported; only there is no element. */
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {});

export class AntiphonCall extends Base {
  static observedAttributes = ["language", "text-only"];

  /** More options of RealtimeCall, for the next call: set before `start`. @type {import("./realtime-call.js").CallOptions} */ options = {};
  /** @type {RealtimeCall|null} */ #call = null;
  /** @type {string|null} */ #notice = null; // a key
  /** @type {Record<string, HTMLElement>} */ #parts = {};
  /** @type {Map<string, {node: HTMLLIElement, message: object}>} */ #drawn = new Map();
  /** @type {Mark|null} */ #mark = null;
  #frame = 0;

  /** The call at hand; the next `start` makes another. */
  get call() { return this.#call; }

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    this.#draw();
  }

  disconnectedCallback() {
    // Frameworks move elements: one that is back in a moment has not gone.
    queueMicrotask(() => !this.isConnected && this.end());
  }

  attributeChangedCallback() {
    if (this.shadowRoot) this.#draw();
  }

  /** Begins a call; to be called in a click or key handler. Rejects never: how it went is shown, and told by events. @param {{withMicrophone?: boolean}} [options] */
  async start({ withMicrophone = !this.hasAttribute("text-only") } = {}) {
    if (this.#isOn) return;
    const voice = this.getAttribute("voice");
    const isTextOnly = this.hasAttribute("text-only");
    const wishes = { ...(voice ? { audio: { output: { voice } } } : {}), ...(isTextOnly ? { output_modalities: ["text"] } : {}) };
    const tokenUrl = this.getAttribute("token-url");
    const call = new RealtimeCall({
      ...(this.hasAttribute("src") ? { url: new URL(this.getAttribute("src") ?? "", document.baseURI) } : {}),
      ...(tokenUrl ? { token: () => fetchToken(tokenUrl) } : {}),
      ...this.options,
      session: this.options.session === null ? null : merged(merged(USUAL_SESSION, wishes), this.options.session ?? {}),
      microphone: this.options.microphone ?? withMicrophone,
    });
    this.#call = call;
    this.#notice = null;
    this.#drawn.clear();
    this.#parts.messages.replaceChildren();
    call.on("*", (event) => this.#hear(call, event));
    call.chat.onChange(() => this.#drawSoon());
    const connecting = call.connect();
    this.#draw();
    await connecting.catch(() => {}); // told by "connection.changed"
  }

  /** Ends the call. */
  end() {
    this.#call?.disconnect();
  }

  get #isOn() {
    return ["connecting", "connected", "reconnecting"].includes(this.#call?.state ?? "");
  }

  /** @param {RealtimeCall} call @param {any} event */
  #hear(call, event) {
    for (const name of ["antiphon", `antiphon:${event.type}`]) this.dispatchEvent(new CustomEvent(name, { detail: event, bubbles: true, composed: true }));
    if (call !== this.#call) return;
    const notice = noticeOf(event);
    // A call that goes on says nothing about what is wrong beside it; one that was ended leaves nothing to say.
    const isOver = event.type !== "connection.changed" || event.state === "disconnected";
    if (notice || (isOver && OVER_BY[event.type]?.test(this.#notice ?? ""))) this.#notice = notice;
    this.#drawSoon();
  }

  // ── drawing ───────────────────────────────────────────────────────────────────────────────────────────────────

  #build() {
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const make = (/** @type {string} */ tag, /** @type {string} */ part, /** @type {Record<string, string>} */ attributes = {}) => {
      const node = document.createElement(tag);
      node.className = part;
      node.setAttribute("part", part);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      this.#parts[part] = node;
      return node;
    };
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ class: "mark", part: "mark", viewBox: "0 0 240 120", "aria-hidden": "true" })) mark.setAttribute(name, value);
    this.#mark = new Mark(mark);
    const form = make("form", "composer");
    form.append(make("textarea", "text", { rows: "1", maxlength: "8000", enterkeyhint: "send" }), make("button", "send", { type: "submit" }));
    const controls = make("div", "controls");
    controls.append(make("button", "start", { type: "button" }), make("button", "mute", { type: "button" }));
    const transcript = make("div", "transcript", { role: "log", tabindex: "0" });
    transcript.append(make("ol", "messages"));
    const card = make("section", "card");
    card.append(mark, make("p", "status", { role: "status" }), make("p", "notice", { role: "alert" }), transcript, form, controls);
    root.append(card);

    this.#parts.start.addEventListener("click", () => (this.#isOn ? this.end() : void this.start()));
    this.#parts.mute.addEventListener("click", () => this.#toggleMute());
    this.#parts.text.addEventListener("input", () => this.#drawSoon());
    card.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing && this.#call?.interrupt()) event.preventDefault(); // a dialog around it stays open
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#parts.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
  }

  #submit() {
    const field = /** @type {HTMLTextAreaElement} */ (this.#parts.text);
    const text = field.value.trim();
    if (text === "") {
      if (this.#canStop) this.#call?.interrupt();
      return;
    }
    // Who types first need not be asked for a microphone.
    if (!this.#isOn) void this.start({ withMicrophone: false });
    try {
      this.#call?.sendText(text);
      field.value = "";
      this.#notice = null;
    } catch (error) {
      this.#notice = keyOf(problemOf(error));
    }
    this.#drawSoon();
  }

  /** The answer sounds, or is made, and nothing is typed. */
  get #canStop() {
    return this.#call?.state === "connected" && ["speaking", "thinking"].includes(this.#call.activity.phase) && /** @type {HTMLTextAreaElement} */ (this.#parts.text).value.trim() === "";
  }

  #toggleMute() {
    const call = this.#call;
    if (call?.hasMicrophone) call.setMuted(!call.isMuted);
    else void call?.openMicrophone().catch(() => {}); // told by "microphone.changed"
  }

  #drawSoon() {
    if (this.#frame !== 0) return;
    // Also where no frames are drawn (a hidden page), a little later.
    this.#frame = setTimeout(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const call = this.#call;
    const { card, status, notice, start, mute, text, send, transcript } = this.#parts;
    card.hidden = this.#isRussian && !russian;
    if (card.hidden) return void fetchRussian().then(() => this.#draw());
    const state = !call ? "idle" : call.state === "connected" ? call.activity.phase : call.state === "disconnected" || call.state === "idle" ? "ended" : call.state;
    const isListening = call?.state === "connected" && call.hasMicrophone && !call.isMuted;
    card.dataset.state = state;
    card.lang = this.#isRussian ? "ru" : "en";
    card.toggleAttribute("data-muted", call?.state === "connected" && !isListening);
    status.textContent = state === "error" ? "" : this.#word(state);
    notice.textContent = this.#notice ? this.#word(this.#notice) : "";
    notice.hidden = this.#notice === null;
    start.textContent = this.#word(this.#isOn ? "end" : "start");
    mute.textContent = this.#word(isListening ? "mute" : "unmute");
    mute.hidden = !this.#isOn || this.hasAttribute("text-only");
    text.setAttribute("aria-label", this.#word("type_here"));
    text.setAttribute("placeholder", this.#word("type_here"));
    send.textContent = this.#canStop ? "■" : "↑";
    send.setAttribute("aria-label", this.#word(this.#canStop ? "stop" : "send"));
    transcript.setAttribute("aria-label", this.#word("transcript"));
    if (call) this.#drawMessages(call);
    transcript.hidden = this.#drawn.size === 0;
    if (call?.state === "connected") this.#animate(call);
  }

  /** @param {RealtimeCall} call */
  #drawMessages(call) {
    const { messages: list, transcript } = this.#parts;
    const isAtEnd = transcript.scrollHeight - transcript.scrollTop - transcript.clientHeight < 40;
    const messages = call.chat.messages.filter(({ type }) => type !== "ui"); // only the app knows how those look
    const ids = new Set(messages.map((message) => message.id));
    for (const [id, { node }] of this.#drawn) {
      if (ids.has(id)) continue;
      node.remove();
      this.#drawn.delete(id);
    }
    messages.forEach((message, at) => {
      const drawn = this.#drawn.get(message.id);
      const node = drawn?.node ?? document.createElement("li");
      if (drawn?.message !== message) {
        this.#drawn.set(message.id, { node, message });
        this.#drawMessage(node, message);
      }
      if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
    });
    if (isAtEnd) transcript.scrollTop = transcript.scrollHeight;
  }

  /** @param {HTMLElement} node @param {import("./entries.js").ChatMessage} message */
  #drawMessage(node, message) {
    const isYours = message.role === "user";
    node.className = `message ${isYours ? "yours" : "theirs"}`;
    node.setAttribute("part", `message ${isYours ? "yours" : "theirs"}`);
    const name = document.createElement("span");
    name.className = "name";
    name.setAttribute("part", "name");
    name.textContent = this.#word(isYours ? "you" : "them");
    node.replaceChildren(...(message.role === "system" ? [] : [name]));
    // Only what travels inside the event is shown: no server can make this page fetch a picture from elsewhere.
    for (const source of message.images.filter((image) => image.startsWith("data:image/"))) node.append(Object.assign(document.createElement("img"), { src: source, alt: "" }));
    const text = message.tool ? `${message.tool.name} ${message.tool.output === null ? "…" : `→ ${message.tool.output}`}` : message.text;
    node.append(message.heard ?? text);
    if (message.heard !== null && message.heard.length < text.length) node.append(Object.assign(document.createElement("del"), { textContent: text.slice(message.heard.length) }));
    if (message.status === "failed" && message.problem) node.append(Object.assign(document.createElement("p"), { className: "problem", textContent: message.problem }));
  }

  /** @param {RealtimeCall} call */
  #animate(call) {
    if (this.#isAnimated) return;
    this.#isAnimated = true;
    const frame = (/** @type {number} */ at) => {
      const { input, output } = call.levels;
      this.#mark?.draw(at, loudness(input), loudness(output));
      this.#isAnimated = call === this.#call && this.#isOn;
      if (this.#isAnimated) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  #isAnimated = false;

  get #isRussian() {
    return (this.getAttribute("language") || document.documentElement.lang || navigator.language).toLowerCase().startsWith("ru");
  }

  /** @param {string} key */
  #word(key) {
    return (this.#isRussian && russian?.[key]) || (ENGLISH[key] ?? key);
  }
}

/** What an event gives to tell; null: nothing. @param {any} event @returns {string|null} */
function noticeOf({ type, state, problem, is_blocked: isBlocked }) {
  if (type === "connection.fallback") return "fallback";
  if (type === "connection.expiring") return "expiring";
  if (type === "speaker.blocked") return isBlocked ? "blocked" : null;
  const isTold = type === "microphone.changed" || (type === "connection.changed" && state !== "reconnecting" && problem?.kind !== "other_side_ended");
  return isTold && problem ? keyOf(problem) : null;
}

/** @param {import("./problems.js").Problem} problem */
function keyOf({ kind }) {
  return kind in ENGLISH ? kind : "failed";
}

/** @param {string} url @returns {Promise<string>} */
async function fetchToken(url) {
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`The token's address answered ${answer.status}.`);
  const text = await answer.text();
  try {
    const { value, client_secret: secret, token } = JSON.parse(text);
    return value ?? secret?.value ?? token;
  } catch {
    return text.trim();
  }
}

if (globalThis.customElements && !customElements.get("antiphon-call")) customElements.define("antiphon-call", AntiphonCall);

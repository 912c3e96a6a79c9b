// @ts-check
/**
 * The settings as a form in a sheet. What is chosen applies at once and is kept on the device; what the server does not
 * follow is said beside the field. Not here: what the choices mean for the session (settings.js).
 */
import { byId, element } from "./page.js";
import { EAGERNESS, nameOf, settingsFrom, TURNS, usualSettings, VOICES } from "./settings.js";
import { sureButton } from "./sure.js";
import { language, word } from "./words.js";

const LANGUAGES = ["en", "ru", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "tr", "uk", "zh"];
const SETTLE_MS = 250; // a slider tells of every step of the way

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./microphone.js").Device} Device */
/** @typedef {{microphones: Device[], speakers: Device[]}} Devices */

export class SettingsSheet {
  /** @type {Devices} */ #devices = { microphones: [], speakers: [] };
  /** @type {(keyof Settings)[]} */ #notFollowed = [];
  /** @type {any} */ #applied = null;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #settling;

  /**
   * @param {Settings} settings
   * @param {{onChange: (settings: Settings, before: Settings) => void, devices: () => Promise<Devices>, forgetPast: () => Promise<void>}} owner
   */
  constructor(settings, owner) {
    this.settings = settings;
    this.owner = owner;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("settings"));
    this.form = /** @type {HTMLFormElement} */ (byId("settings-form"));
    this.form.addEventListener("input", (event) => this.#take(/** @type {HTMLInputElement} */ (event.target)));
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.dialog.open && void this.#findDevices());
  }

  open() {
    this.draw();
    this.dialog.showModal();
    void this.#findDevices();
  }

  /** What the session became. @param {any} session @param {(keyof Settings)[]} notFollowed */
  told(session, notFollowed) {
    this.#applied = session;
    this.#notFollowed = notFollowed;
    if (this.dialog.open) this.draw();
  }

  async #findDevices() {
    this.#devices = await this.owner.devices();
    this.draw();
  }

  /** @param {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} control */
  #take(control) {
    const before = this.settings;
    const kind = control.dataset.kind;
    /** @type {unknown} */
    let value = control.value === "" ? null : control.value;
    if (kind === "number") value = value === null ? null : Number(value);
    if (kind === "switch") value = /** @type {HTMLInputElement} */ (control).checked;
    this.settings = settingsFrom({ ...before, [control.name]: value });
    if (kind === "number") this.#showFigure(control.name);
    if (control.name === "volume") /** @type {HTMLMediaElement} */ (byId("sound")).volume = this.settings.volume; // to be heard while it moves
    if (control.name === "turns") this.draw();
    clearTimeout(this.#settling);
    // Every step of a slider is shown, the last one is sent.
    const unsent = (this.#before ??= before);
    this.#settling = setTimeout(() => {
      this.#before = null;
      this.owner.onChange(this.settings, unsent);
    }, kind === "number" || control instanceof HTMLTextAreaElement ? SETTLE_MS : 0);
  }

  /** @type {Settings|null} the settings as they were last told */ #before = null;

  draw() {
    const focused = /** @type {HTMLElement|null} */ (document.activeElement)?.getAttribute("name");
    const scrolled = this.form.scrollTop;
    this.form.replaceChildren(...this.#sections());
    this.form.scrollTop = scrolled;
    if (focused) /** @type {HTMLElement|null} */ (this.form.querySelector(`[name="${focused}"]:is(:not([type=radio]), :checked)`))?.focus();
  }

  #sections() {
    const s = this.settings;
    const { microphones, speakers } = this.#devices;
    const sections = [
      section("settings_sound",
        this.#select("microphone", deviceChoices(microphones, "device_default_in")),
        speakers.length > 0 ? this.#select("speaker", deviceChoices(speakers, "device_default_out")) : null,
        this.#slider("volume", { min: 0, max: 1, step: 0.05, usual: 1 })),
      section("settings_voice",
        this.#select("voice", [["", this.#serversChoice(nameOf(this.#applied?.audio?.output?.voice))], ...this.#voices().map((name) => /** @type {[string, string]} */ ([name, name]))]),
        this.#slider("speed", { min: 0.25, max: 1.5, step: 0.05, usual: 1 }),
        this.#switch("isTextOnly"),
        this.#area("instructions")),
      section("settings_turns",
        this.#choice("turns", [["", "turns_server"], ...TURNS.map((name) => /** @type {[string, string]} */ ([name, `turns_${name}`]))]),
        s.turns === "server_vad" ? this.#slider("threshold", { min: 0, max: 1, step: 0.05, usual: 0.5 }) : null,
        s.turns === "server_vad" ? this.#slider("prefixMs", { min: 0, max: 1000, step: 50, usual: 300 }) : null,
        s.turns === "server_vad" ? this.#slider("silenceMs", { min: 200, max: 2000, step: 50, usual: 500 }) : null,
        s.turns === "semantic_vad" ? this.#select("eagerness", EAGERNESS.map((name) => [name === "auto" ? "" : name, word(`eagerness_${name}`)])) : null),
      section("settings_transcript",
        this.#select("language", [["", word("language_any")], ...languageChoices()]),
        this.#switch("hasKeys"),
        this.#switch("keepsPast"),
        this.#forget()),
    ];
    const reset = element("button", "quiet", word("settings_reset"));
    reset.setAttribute("type", "button");
    reset.addEventListener("click", () => {
      const before = this.settings;
      this.settings = usualSettings();
      this.draw();
      this.owner.onChange(this.settings, before);
    });
    sections.push(reset);
    return sections;
  }

  #voices() {
    const applied = nameOf(this.#applied?.audio?.output?.voice);
    return [...new Set([...VOICES, this.settings.voice, applied])].filter((name) => name !== null);
  }

  /** @param {string|null} applied */
  #serversChoice(applied) {
    return applied ? `${word("as_the_server_likes")} (${applied})` : word("as_the_server_likes");
  }

  /** @param {keyof Settings} name @param {readonly (readonly [string, string])[]} choices */
  #select(name, choices) {
    const select = document.createElement("select");
    const chosen = String(this.settings[name] ?? "");
    for (const [value, label] of choices) select.append(new Option(label, value, false, value === chosen));
    // A device that is not plugged in now is still the chosen one.
    if (!choices.some(([value]) => value === chosen)) select.append(new Option(word("device_absent"), chosen, false, true));
    return this.#field(name, select);
  }

  /** @param {keyof Settings} name @param {{min: number, max: number, step: number, usual: number}} range */
  #slider(name, { min, max, step, usual }) {
    const input = document.createElement("input");
    Object.assign(input, { type: "range", min: String(min), max: String(max), step: String(step) });
    input.value = String(this.settings[name] ?? usual);
    input.dataset.kind = "number";
    input.setAttribute("aria-valuetext", figureOf(name, Number(input.value)));
    const field = this.#field(name, input);
    const figure = element("span", "figures", figureOf(name, Number(input.value)));
    figure.setAttribute("aria-hidden", "true"); // the slider tells its value itself
    field.querySelector(".field-name")?.append(figure);
    return field;
  }

  /** @param {string} name */
  #showFigure(name) {
    const input = /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
    const figure = input.closest(".field")?.querySelector(".figures");
    if (figure) figure.textContent = figureOf(name, Number(input.value));
    input.setAttribute("aria-valuetext", figureOf(name, Number(input.value)));
  }

  /** @param {keyof Settings} name */
  #switch(name) {
    const input = document.createElement("input");
    input.type = "checkbox";
    input.checked = this.settings[name] === true;
    input.dataset.kind = "switch";
    const field = this.#field(name, input);
    field.classList.add("field-switch");
    return field;
  }

  /** @param {keyof Settings} name */
  #area(name) {
    const area = document.createElement("textarea");
    area.rows = 3;
    area.maxLength = 8000;
    area.value = String(this.settings[name] ?? "");
    area.placeholder = String(this.#applied?.[name] ?? word("as_the_server_likes")).slice(0, 300);
    return this.#field(name, area);
  }

  /** One of a few, all of them to be seen. @param {keyof Settings} name @param {readonly (readonly [string, string])[]} choices */
  #choice(name, choices) {
    const group = element("fieldset", "field choice");
    group.append(element("legend", "unseen", word(`setting_${name}`)));
    for (const [value, key] of choices) {
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name, value, checked: value === String(this.settings[name] ?? "") });
      const label = element("label", "choice-one");
      const words = element("span", "", word(key));
      words.append(element("small", "", word(`${key}_hint`)));
      label.append(input, words);
      group.append(label);
    }
    this.#warn(group, name);
    return group;
  }

  /** @param {keyof Settings} name @param {HTMLInputElement|HTMLSelectElement|HTMLTextAreaElement} control */
  #field(name, control) {
    const field = element("label", "field");
    control.name = name;
    const title = element("span", "field-name", word(`setting_${name}`));
    field.append(title, control);
    this.#warn(field, name);
    return field;
  }

  /** @param {HTMLElement} field @param {keyof Settings} name */
  #warn(field, name) {
    if (this.#notFollowed.includes(name)) field.append(element("span", "field-warning", word("not_followed")));
  }

  #forget() {
    const told = element("p", "field-warning");
    told.setAttribute("role", "status");
    const button = sureButton("past_forget_all", "past_forget_all_sure", () => {
      told.textContent = "";
      this.owner.forgetPast().then(() => (button.textContent = word("past_forgotten")), () => (told.textContent = word("past_unavailable")));
    });
    const field = element("div", "");
    field.append(button, told);
    return field;
  }
}

/** @param {string} key @param {...(HTMLElement|null)} fields */
function section(key, ...fields) {
  const made = element("section", "settings-section");
  made.append(element("h3", "", word(key)), ...fields.filter((field) => field !== null));
  return made;
}

/** @param {Device[]} devices @param {string} usual @returns {[string, string][]} */
function deviceChoices(devices, usual) {
  // "default" and "communications" are names for one of the others.
  const real = devices.filter((device) => device.device_id !== "" && device.device_id !== "default" && device.device_id !== "communications");
  return [["", word(usual)], ...real.map((device, index) => /** @type {[string, string]} */ ([device.device_id, device.label || `${word("device")} ${index + 1}`]))];
}

/** @returns {[string, string][]} */
function languageChoices() {
  const names = new Intl.DisplayNames(language(), { type: "language" });
  return LANGUAGES.map((code) => /** @type {[string, string]} */ ([code, names.of(code) ?? code]));
}

/** @param {string} name @param {number} value */
function figureOf(name, value) {
  const number = new Intl.NumberFormat(language(), { maximumFractionDigits: 2 });
  if (name === "volume") return `${number.format(Math.round(value * 100))} %`;
  if (name === "speed") return `${number.format(value)}×`;
  if (name === "threshold") return number.format(value);
  return `${number.format(value)} ${word("ms")}`;
}

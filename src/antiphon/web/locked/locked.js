// @ts-check
/** The page of a server that asks for a token: brings the one of its own address, or lets the person type it. */
import { enter, takeToken } from "../access.js";
import { kept } from "../kept.js";

const WORDS = {
  en: {
    words: "This server asks for an access token. It is in the address that the server printed when it started.",
    enter: "Open",
    refused: "This token does not belong to this server. Scan its QR code again, or copy the token from the printed address.",
    unreachable: "The server does not answer. Check that it is running and that you are on its network.",
  },
  ru: {
    words: "Серверу нужен токен доступа. Он указан в адресе, который сервер напечатал при запуске.",
    enter: "Открыть",
    refused: "Это не токен этого сервера. Отсканируйте QR-код ещё раз или скопируйте токен из напечатанного адреса.",
    unreachable: "Сервер не отвечает. Проверьте, что он работает и что вы в его сети.",
  },
};

const BASE = new URL(".", document.baseURI).href;
/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);
const isRussian = (kept("antiphon.language") ?? navigator.language).startsWith("ru");
const said = isRussian ? WORDS.ru : WORDS.en;

/** @param {string} token */
async function openWith(token) {
  byId("enter").disabled = true;
  const outcome = await enter(BASE, token);
  if (outcome === "in") {
    location.reload();
    return;
  }
  byId("enter").disabled = false;
  byId("problem").textContent = said[outcome];
  byId("token").focus();
}

const theme = kept("antiphon.theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
document.documentElement.lang = isRussian ? "ru" : "en";
byId("words").textContent = said.words;
byId("enter").textContent = said.enter;
byId("form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  void openWith(byId("token").value.trim());
});

const brought = takeToken();
if (brought !== null) void openWith(brought);
// Scanned again while this page was open: only the fragment changes, and no page is loaded.
addEventListener("hashchange", () => {
  const again = takeToken();
  if (again !== null) void openWith(again);
});

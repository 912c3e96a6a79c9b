// @ts-check
/**
 * What the page does once on arrival, whatever it shows: it forgets the token of its address, sends for its words, and
 * becomes installable.
 */
import { takeToken } from "./access.js";
import "./words.js";

/** It fetches every file of the page once more: not while a person may be pressing Start. */
const SETTLED_MS = 2_000;

takeToken(); // this browser has been let in already, or the page would not be here

if ("serviceWorker" in navigator) {
  // Refused where the browser does not trust the certificate: then the page is a page, and no app.
  const install = () => void navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI)).catch(() => {});
  addEventListener("load", () => setTimeout(install, SETTLED_MS));
}

// @ts-check
/**
 * What the page does once on arrival, whatever it shows: it forgets the token of its address, sends for its words, and
 * becomes installable.
 */
import { takeToken } from "./access.js";
import "./words.js";

takeToken(); // this browser has been let in already, or the page would not be here

if ("serviceWorker" in navigator) {
  addEventListener("load", () => {
    // Refused where the browser does not trust the certificate: then the page is a page, and no app.
    navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI)).catch(() => {});
  });
}

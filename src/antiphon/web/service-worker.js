// @ts-check
/**
 * Keeps the page for when the server cannot be reached, so that an installed app opens and says so.
 *
 * Online nothing comes from here: the server is asked first, always, for a page of two versions would be worse than a slow
 * one. The server writes `self.shell` above this text: the page's files and a hash of them, which makes a new worker of any
 * change. Only those files are ever kept; a call, a key or an answer of the API is never touched.
 */

/** @type {any} */ const worker = self;
/** @type {{version: string, files: string[]}} */ const shell = worker.shell ?? { version: "none", files: [] };
const PREFIX = "antiphon-page-";
const NAME = PREFIX + shell.version;
const PATIENCE_MS = 4_000;
const kept = new Set(shell.files.map((file) => new URL(file, worker.registration.scope).href));

worker.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(NAME);
    await cache.addAll([...kept].map((url) => new Request(url, { cache: "no-cache" })));
    await worker.skipWaiting();
  })());
});

worker.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil((async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== NAME).map((name) => caches.delete(name)));
    await worker.clients.claim();
  })());
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  /** @type {Request} */ const request = event.request;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  url.search = url.hash = "";
  if (kept.has(url.href)) event.respondWith(fromServer(request, url.href));
});

/** @param {Request} request @param {string} url  as it is kept */
async function fromServer(request, url) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    return await fetch(request, { signal: patience.signal });
  } catch (error) {
    const found = await caches.match(url, { cacheName: NAME });
    if (found) return found;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

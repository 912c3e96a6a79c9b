// @ts-check
/**
 * Past conversations, kept on this device only (IndexedDB). Bounded: the oldest give way. Not here: how they are shown.
 *
 * @typedef {{role: string, text: string, heard: string|null, image: string|null, tool: {name: string, arguments: string, output: string|null}|null}} PastEntry
 * @typedef {{id: string, startedAt: number, endedAt: number, entries: PastEntry[]}} PastConversation
 *   startedAt, endedAt: unix milliseconds
 */

const DATABASE = "antiphon";
const STORE = "conversations";
const MOST_CONVERSATIONS = 100;

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" }).createIndex("startedAt", "startedAt");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

/**
 * Runs one transaction. Rejects where the browser keeps nothing (a private window, a full disk).
 * @template T
 * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} work @returns {Promise<T>}
 */
async function within(mode, work) {
  const database = await openDatabase();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** Keeps a conversation, in place of an older version of the same one. @param {PastConversation} conversation */
export async function keepConversation(conversation) {
  await within("readwrite", (store) => {
    const counted = store.count();
    counted.onsuccess = () => {
      let surplus = counted.result - MOST_CONVERSATIONS;
      if (surplus <= 0) return;
      const oldest = store.index("startedAt").openCursor();
      oldest.onsuccess = () => {
        if (!oldest.result || surplus-- <= 0) return;
        oldest.result.delete();
        oldest.result.continue();
      };
    };
    return store.put(conversation);
  });
}

/** The newest first. @returns {Promise<PastConversation[]>} */
export async function pastConversations() {
  const found = await within("readonly", (store) => store.index("startedAt").getAll());
  return found.reverse();
}

/** @param {string} id */
export async function forgetConversation(id) {
  await within("readwrite", (store) => store.delete(id));
}

export async function forgetAllConversations() {
  await within("readwrite", (store) => store.clear());
}

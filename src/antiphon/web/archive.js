// @ts-check
/**
 * Past conversations, kept on this device only (IndexedDB). Bounded: the oldest give way. Not here: how they are shown.
 *
 * Pictures stand apart from the words, so that keeping a conversation once more writes each of them once, and what a list
 * of conversations shows stands in an index, so that it reads none of them.
 *
 * @typedef {{role: string, text: string, heard: string|null, image: string|null, tool: {name: string, arguments: string, output: string|null}|null, is_interrupted?: boolean}} PastEntry
 *   role: "user", "assistant", "system", or "note" for a line of the page's own
 * @typedef {{id: string, startedAt: number, endedAt: number, entries: PastEntry[]}} PastConversation
 *   startedAt, endedAt: unix milliseconds
 * @typedef {{id: string, startedAt: number, endedAt: number, first: string}} PastSummary  first: words; "" when there are none
 *
 * @typedef {{conversations: IDBObjectStore, pictures: IDBObjectStore}} Stores
 *   conversations: with `first`, and in an entry's `image` the number of a picture. pictures: data URLs by [id, number]
 */

const DATABASE = "antiphon";
const VERSION = 2; // 1: pictures among the words, no summary
const STORES = ["conversations", "pictures"];
const SUMMARY = ["startedAt", "endedAt", "first"];
const MOST_CONVERSATIONS = 100;
const LONGEST_FIRST = 200;

/** @type {Map<string, Map<string, number>>} the numbers of the pictures that this page has kept, by conversation */
const numbered = new Map();

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, VERSION);
    let isGivenUp = false;
    request.onupgradeneeded = ({ oldVersion }) => request.transaction && upgrade(request.result, request.transaction, oldVersion);
    request.onsuccess = () => (isGivenUp ? request.result.close() : resolve(request.result));
    request.onerror = () => reject(request.error);
    request.onblocked = () => {
      isGivenUp = true;
      reject(new Error("blocked"));
    };
  });
}

/** @param {IDBDatabase} database @param {IDBTransaction} transaction @param {number} oldVersion */
function upgrade(database, transaction, oldVersion) {
  if (oldVersion < 1) database.createObjectStore("conversations", { keyPath: "id" }).createIndex("startedAt", "startedAt");
  const stores = { conversations: transaction.objectStore("conversations"), pictures: database.createObjectStore("pictures") };
  stores.conversations.createIndex("summary", SUMMARY);
  const every = stores.conversations.openCursor();
  every.onsuccess = () => {
    const cursor = every.result;
    if (!cursor) return;
    put(stores, cursor.value, new Map(), []);
    cursor.continue();
  };
}

/**
 * Runs one transaction. Rejects where the browser keeps nothing (a private window, a full disk).
 * @template T
 * @param {IDBTransactionMode} mode @param {(stores: Stores) => () => T} work  what it returns reads the result, when all is done
 * @returns {Promise<T>}
 */
async function within(mode, work) {
  const database = await openDatabase();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORES, mode);
      const result = work({ conversations: transaction.objectStore("conversations"), pictures: transaction.objectStore("pictures") });
      transaction.oncomplete = () => resolve(result());
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** Keeps a conversation, in place of an older version of the same one. @param {PastConversation} conversation */
export async function keepConversation(conversation) {
  await within("readwrite", (stores) => {
    const numbers = numbered.get(conversation.id) ?? new Map();
    numbered.set(conversation.id, numbers);
    const there = stores.pictures.getAllKeys(picturesOf(conversation.id));
    there.onsuccess = () => {
      put(stores, conversation, numbers, there.result.map((key) => /** @type {[string, number]} */ (key)[1]));
      dropOldest(stores);
    };
    return () => {};
  });
}

/** The newest first. @returns {Promise<PastSummary[]>} */
export async function pastSummaries() {
  return within("readonly", ({ conversations }) => {
    /** @type {PastSummary[]} */ const found = [];
    const every = conversations.index("summary").openKeyCursor(null, "prev");
    every.onsuccess = () => {
      const cursor = every.result;
      if (!cursor) return;
      const [startedAt, endedAt, first] = /** @type {[number, number, string]} */ (cursor.key);
      found.push({ id: String(cursor.primaryKey), startedAt, endedAt, first });
      cursor.continue();
    };
    return () => found;
  });
}

/** @param {string} id @returns {Promise<PastConversation|null>} null: it is not there any more */
export async function pastConversation(id) {
  return within("readonly", ({ conversations, pictures }) => {
    const found = conversations.get(id);
    const keys = pictures.getAllKeys(picturesOf(id));
    const urls = pictures.getAll(picturesOf(id));
    return () => {
      if (!found.result) return null;
      const byNumber = new Map(keys.result.map((key, index) => [/** @type {[string, number]} */ (key)[1], urls.result[index]]));
      const { startedAt, endedAt, entries } = found.result;
      return { id, startedAt, endedAt, entries: entries.map((/** @type {any} */ entry) => ({ ...entry, image: byNumber.get(entry.image) ?? null })) };
    };
  });
}

/** @param {string} id */
export async function forgetConversation(id) {
  await within("readwrite", (stores) => {
    drop(stores, id);
    return () => {};
  });
}

export async function forgetAllConversations() {
  await within("readwrite", ({ conversations, pictures }) => {
    conversations.clear();
    pictures.clear();
    return () => {};
  });
}

/**
 * @param {Stores} stores @param {PastConversation} conversation
 * @param {Map<string, number>} numbers  of its pictures, as far as they have some
 * @param {readonly number[]} there  those that are kept already
 */
function put({ conversations, pictures }, { id, startedAt, endedAt, entries }, numbers, there) {
  const words = entries.map((entry) => {
    if (!entry.image) return entry;
    const number = numbers.get(entry.image) ?? numbers.size;
    if (!there.includes(number) || !numbers.has(entry.image)) pictures.put(entry.image, [id, number]);
    numbers.set(entry.image, number);
    return { ...entry, image: number };
  });
  const first = entries.find(({ role, text }) => text !== "" && (role === "user" || role === "assistant"))?.text ?? "";
  conversations.put({ id, startedAt, endedAt, first: first.slice(0, LONGEST_FIRST), entries: words });
}

/** @param {Stores} stores */
function dropOldest(stores) {
  const counted = stores.conversations.count();
  counted.onsuccess = () => {
    let surplus = counted.result - MOST_CONVERSATIONS;
    if (surplus <= 0) return;
    const oldest = stores.conversations.index("startedAt").openKeyCursor();
    oldest.onsuccess = () => {
      if (!oldest.result || surplus-- <= 0) return;
      drop(stores, oldest.result.primaryKey);
      oldest.result.continue();
    };
  };
}

/** @param {Stores} stores @param {IDBValidKey} id */
function drop({ conversations, pictures }, id) {
  conversations.delete(id);
  pictures.delete(picturesOf(id));
}

/** @param {IDBValidKey} id */
function picturesOf(id) {
  return IDBKeyRange.bound([id], [id, []]); // an array comes after every number
}

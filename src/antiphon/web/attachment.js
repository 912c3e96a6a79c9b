// @ts-check
/**
 * The photo that waits in the message box: chosen from a file, pasted, dropped, or taken with the camera. Not here: the
 * camera (camera.js), how a photo is made small (photo.js), when it is sent (main.js).
 */
import { byId } from "./page.js";
import { bindMenu } from "./photo-menu.js";

export class Attachment {
  /** @type {ImageBitmap|null} */ #photo = null;
  #taken = 0; // the last one that was chosen stays, whichever is read first
  /** @type {import("./camera.js").Camera|null} */ #camera = null;

  /** @param {{onChange: () => void, onProblem: (key: string) => void}} observer */
  constructor(observer) {
    this.observer = observer;
    const file = /** @type {HTMLInputElement} */ (byId("photo-file"));
    bindMenu({
      // A page without camera access has nothing to offer.
      hasChoice: () => navigator.mediaDevices?.getUserMedia !== undefined,
      onFile: () => file.click(),
      onCamera: () => void this.#openCamera(),
    });
    file.addEventListener("change", () => {
      const [chosen] = file.files ?? [];
      file.value = ""; // the same file may be chosen again
      if (chosen) void this.take(chosen);
    });
    byId("attached-remove").addEventListener("click", () => this.clear());
    this.#bindPaste();
    this.#bindDrop();
  }

  get isEmpty() {
    return this.#photo === null;
  }

  /** @param {Blob} file */
  async take(file) {
    const mine = ++this.#taken;
    /** @type {ImageBitmap} */ let photo;
    try {
      const { drawPreview, readPhoto } = await import("./photo.js");
      photo = await readPhoto(file);
      if (mine === this.#taken) drawPreview(photo, /** @type {HTMLCanvasElement} */ (byId("attached-picture")));
    } catch (error) {
      this.observer.onProblem(photoProblem(error));
      return;
    }
    if (mine !== this.#taken) {
      photo.close();
      return;
    }
    this.#photo?.close();
    this.#photo = photo;
    byId("attached").hidden = false;
    this.observer.onChange();
  }

  /**
   * The photo as data URL. It stays in the box until `clear`: a message may still be refused. Null when there is none or
   * it cannot be sent (then it has been said).
   * @param {number} messageLimit  bytes
   */
  async encode(messageLimit) {
    for (let photo = this.#photo; photo; photo = this.#photo) {
      /** @type {string|null} */ let url = null;
      try {
        const { encodePhoto } = await import("./photo.js");
        url = await encodePhoto(photo, messageLimit);
      } catch (error) {
        if (this.#photo === photo) {
          this.observer.onProblem(photoProblem(error));
          return null;
        }
      }
      if (this.#photo === photo) return url; // else another one has taken its place meanwhile
    }
    return null;
  }

  clear() {
    this.#taken += 1;
    this.#photo?.close();
    this.#photo = null;
    byId("attached").hidden = true;
    this.observer.onChange();
  }

  async #openCamera() {
    try {
      const { Camera } = await import("./camera.js");
      this.#camera ??= new Camera({ onPhoto: (photo) => void this.take(photo), onProblem: (key) => this.observer.onProblem(key) });
    } catch {
      this.observer.onProblem("server_gone");
      return;
    }
    this.#camera.open();
  }

  #bindPaste() {
    addEventListener("paste", (event) => {
      const { clipboardData: data } = event;
      // What comes from a word processor carries a picture of itself beside the words.
      if (!data || data.files.length === 0 || data.types.includes("text/plain") || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      this.#takeFirstImage(data);
    });
  }

  #bindDrop() {
    const { dataset } = byId("composer");
    const over = (/** @type {boolean} */ isOver) => (isOver ? (dataset.drag = "over") : delete dataset.drag);
    addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return; // words go where the browser puts them
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      over(true);
    });
    addEventListener("dragleave", (event) => event.relatedTarget === null && over(false)); // out of the window
    addEventListener("drop", (event) => {
      over(false);
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault(); // or the browser would leave the page, and the call, to show the file
      this.#takeFirstImage(event.dataTransfer);
    });
  }

  /** @param {DataTransfer} data */
  #takeFirstImage(data) {
    const image = [...data.files].find((file) => file.type.startsWith("image/"));
    if (image) void this.take(image);
    else this.observer.onProblem("photo_unreadable");
  }
}

/** @param {unknown} error */
function photoProblem(error) {
  return error instanceof Error && error.name === "PhotoError" ? error.message : "photo_unreadable";
}

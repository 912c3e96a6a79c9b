// @ts-check
/**
 * The photo that waits in the message box: chosen from a file, pasted, dropped, or taken with the camera. Not here: how it
 * is made small (photo.js), when it is sent (main.js).
 */
import { byId } from "./page.js";

export class Attachment {
  /** @type {ImageBitmap|null} */ #photo = null;
  /** @type {MediaStream|null} */ #camera = null;
  /** @type {"environment"|"user"} the camera that looks away, or the one that looks at the person */ #facing = "environment";

  /** @param {{onChange: () => void, onProblem: (key: string) => void}} observer */
  constructor(observer) {
    this.observer = observer;
    const file = /** @type {HTMLInputElement} */ (byId("photo-file"));
    const menu = byId("photo-menu");
    byId("photo").addEventListener("click", () => this.#offer(menu, file));
    byId("photo-choose").addEventListener("click", () => {
      menu.hidePopover();
      file.click();
    });
    byId("photo-camera").addEventListener("click", () => {
      menu.hidePopover();
      void this.#openCamera();
    });
    file.addEventListener("change", () => {
      const [chosen] = file.files ?? [];
      file.value = ""; // the same file may be chosen again
      if (chosen) void this.take(chosen);
    });
    byId("attached-remove").addEventListener("click", () => this.clear());
    byId("camera-take").addEventListener("click", () => void this.#shoot());
    byId("camera-turn").addEventListener("click", () => {
      this.#facing = this.#facing === "environment" ? "user" : "environment";
      void this.#openCamera();
    });
    byId("camera-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#closeCamera());
    addEventListener("paste", (event) => this.#takeFirstImage(event.clipboardData, event));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      this.#takeFirstImage(event.dataTransfer, event);
    });
  }

  get isEmpty() {
    return this.#photo === null;
  }

  /** @param {Blob} file */
  async take(file) {
    try {
      const { readPhoto } = await import("./photo.js");
      const photo = await readPhoto(file);
      this.clear();
      this.#photo = photo;
    } catch (error) {
      this.observer.onProblem(photoProblem(error));
      return;
    }
    const picture = /** @type {HTMLCanvasElement} */ (byId("attached-picture"));
    const { width, height } = this.#photo;
    const scale = Math.min(1, 320 / Math.max(width, height));
    picture.width = Math.max(1, Math.round(width * scale));
    picture.height = Math.max(1, Math.round(height * scale));
    picture.getContext("2d")?.drawImage(this.#photo, 0, 0, picture.width, picture.height);
    byId("attached").hidden = false;
    this.observer.onChange();
  }

  /**
   * The photo as data URL, and the box empty again. Null when there is none or it cannot be sent (then it has been said).
   * @param {number} messageLimit  bytes
   */
  async send(messageLimit) {
    const photo = this.#photo;
    if (!photo) return null;
    try {
      const { encodePhoto } = await import("./photo.js");
      const url = await encodePhoto(photo, messageLimit);
      if (this.#photo === photo) this.clear();
      return url;
    } catch (error) {
      this.observer.onProblem(photoProblem(error));
      return null;
    }
  }

  clear() {
    this.#photo?.close();
    this.#photo = null;
    byId("attached").hidden = true;
    this.observer.onChange();
  }

  get #dialog() {
    return /** @type {HTMLDialogElement} */ (byId("camera"));
  }

  get #video() {
    return /** @type {HTMLVideoElement} */ (byId("camera-picture"));
  }

  /** @param {HTMLElement} menu @param {HTMLInputElement} file */
  #offer(menu, file) {
    // A phone's own chooser offers its camera already; a page without camera access has nothing to offer.
    if (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices?.getUserMedia) {
      file.click();
      return;
    }
    const button = byId("photo").getBoundingClientRect();
    menu.showPopover();
    menu.style.left = `${Math.max(8, Math.min(innerWidth - menu.offsetWidth - 8, button.left))}px`;
    menu.style.top = `${Math.max(8, button.top - menu.offsetHeight - 8)}px`;
  }

  async #openCamera() {
    /** @type {MediaStream} */
    let stream;
    try {
      this.#closeCamera(); // a phone opens one camera at a time
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: this.#facing, width: { ideal: 1280 } } });
    } catch (error) {
      this.#dialog.close();
      const isMissing = error instanceof DOMException && error.name === "NotFoundError";
      this.observer.onProblem(isMissing ? "camera_missing" : "camera_refused");
      return;
    }
    this.#camera = stream;
    this.#video.srcObject = stream;
    void this.#video.play().catch(() => {});
    if (!this.#dialog.open) this.#dialog.showModal();
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    byId("camera-turn").hidden = all.filter((device) => device.kind === "videoinput").length < 2;
  }

  async #shoot() {
    const video = this.#video;
    if (video.videoWidth === 0) return;
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    const blob = await new Promise((/** @type {(blob: Blob|null) => void} */ resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    this.#dialog.close();
    if (blob) await this.take(blob);
  }

  #closeCamera() {
    for (const track of this.#camera?.getTracks() ?? []) track.stop();
    this.#camera = null;
    this.#video.srcObject = null;
  }

  /** @param {DataTransfer|null} data @param {Event} event */
  #takeFirstImage(data, event) {
    const image = [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));
    if (!image) return;
    event.preventDefault();
    void this.take(image);
  }
}

/** @param {unknown} error */
function photoProblem(error) {
  return error instanceof Error && error.name === "PhotoError" ? error.message : "photo_unreadable";
}

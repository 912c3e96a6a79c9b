// @ts-check
/**
 * The camera in its sheet: asked for, turned from front to back, one photo taken, given back. Not here: what becomes of the
 * photo (attachment.js).
 */
import { byId } from "./page.js";

const ASKING_MS = 800;

export class Camera {
  /** @type {MediaStream|null} */ #stream = null;
  /** @type {MediaTrackConstraints} the camera that looks away, or the one that looks at the person */ #wishes = { facingMode: "environment" };
  #asked = 0; // who asked last gets it: an older answer of the browser, or one after the sheet was closed, is put back
  /** @type {ReturnType<typeof setTimeout>|undefined} */ #asking;
  #dialog = /** @type {HTMLDialogElement} */ (byId("camera"));
  #video = /** @type {HTMLVideoElement} */ (byId("camera-picture"));
  #take = /** @type {HTMLButtonElement} */ (byId("camera-take"));

  /** @param {{onPhoto: (photo: Blob) => void, onProblem: (key: string) => void}} observer */
  constructor(observer) {
    this.observer = observer;
    this.#take.addEventListener("click", () => void this.#shoot());
    byId("camera-turn").addEventListener("click", () => void this.#turn());
    byId("camera-close").addEventListener("click", () => this.#dialog.close());
    this.#video.addEventListener("loadeddata", () => (this.#take.disabled = this.#stream === null));
    this.#dialog.addEventListener("close", () => {
      this.#asked += 1;
      this.#release();
    });
  }

  open() {
    byId("camera-turn").hidden = true;
    if (!this.#dialog.open) this.#dialog.showModal();
    void this.#ask();
  }

  async #ask() {
    const mine = ++this.#asked;
    this.#release(); // a phone opens one camera at a time
    // Only if the browser really asks: an answer that it remembers comes at once.
    this.#asking = setTimeout(() => (byId("camera-asking").hidden = false), ASKING_MS);
    /** @type {MediaStream} */ let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { ...this.#wishes, width: { ideal: 1280 } } });
    } catch (error) {
      if (mine === this.#asked) this.#fail(cameraProblem(error));
      return;
    }
    if (mine !== this.#asked) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#told();
    this.#stream = stream;
    this.#video.srcObject = stream;
    void this.#video.play().catch(() => {});
    stream.getVideoTracks()[0]?.addEventListener("ended", () => this.#stream === stream && this.#fail("camera_missing")); // unplugged
    const cameras = await listCameras();
    if (mine === this.#asked) byId("camera-turn").hidden = cameras.length < 2;
  }

  /** To the camera on the other side; where cameras have no side, to the next one. */
  async #turn() {
    const mine = this.#asked;
    const { facingMode, deviceId } = this.#settings;
    if (deviceId === undefined) return; // it is just being opened
    const cameras = await listCameras();
    if (mine !== this.#asked) return;
    const next = cameras[(cameras.indexOf(deviceId) + 1) % cameras.length];
    if (facingMode === "environment" || facingMode === "user") {
      this.#wishes = { facingMode: facingMode === "user" ? "environment" : "user" };
      await this.#ask();
      if (this.#settings.deviceId !== deviceId) return; // as wished, or closed meanwhile
    }
    this.#wishes = { deviceId: { exact: next } };
    await this.#ask();
  }

  /** Of the camera at hand; empty without one. */
  get #settings() {
    return this.#stream?.getVideoTracks()[0]?.getSettings() ?? {};
  }

  async #shoot() {
    const video = this.#video;
    if (video.videoWidth === 0) return;
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    const photo = await new Promise((/** @type {(photo: Blob|null) => void} */ resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    this.#dialog.close();
    if (photo) this.observer.onPhoto(photo);
  }

  /** @param {string} key */
  #fail(key) {
    this.#dialog.close();
    this.#wishes = { facingMode: "environment" };
    this.observer.onProblem(key);
  }

  #told() {
    clearTimeout(this.#asking);
    byId("camera-asking").hidden = true;
  }

  #release() {
    this.#told();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#take.disabled = true;
  }
}

/** @returns {Promise<string[]>} their device ids */
async function listCameras() {
  const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return all.filter((device) => device.kind === "videoinput").map((device) => device.deviceId);
}

/** @param {unknown} error */
function cameraProblem(error) {
  const name = error instanceof Error ? error.name : ""; // OverconstrainedError is no DOMException everywhere
  if (name === "NotFoundError" || name === "OverconstrainedError") return "camera_missing";
  if (name === "NotAllowedError" || name === "SecurityError") return "camera_refused";
  return "camera_busy";
}

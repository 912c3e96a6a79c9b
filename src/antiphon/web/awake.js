// @ts-check
/** Keeps the screen on during a call: a phone that locks itself takes the microphone away. Where it cannot, it does not. */

export class StayAwake {
  #isWanted = false;
  /** @type {WakeLockSentinel|null} */ #lock = null;

  constructor() {
    // The browser lets go of it whenever the page is hidden.
    document.addEventListener("visibilitychange", () => void this.#hold());
  }

  begin() {
    this.#isWanted = true;
    void this.#hold();
  }

  end() {
    this.#isWanted = false;
    void this.#lock?.release().catch(() => {});
    this.#lock = null;
  }

  async #hold() {
    if (!this.#isWanted || document.hidden || !("wakeLock" in navigator)) return;
    try {
      const lock = await navigator.wakeLock.request("screen");
      // Another request may have been under way.
      if (this.#isWanted && (this.#lock?.released ?? true)) this.#lock = lock;
      else await lock.release();
    } catch {
      // A low battery, or a page that is not secure: the call goes on without.
    }
  }
}

// @ts-check
/**
 * What happens around a page that a call has to notice: the network is back, the page is seen again, left, or has other
 * devices. Not here: what the call makes of it.
 */

import { wakeAudio } from "./meter.js";

/** @param {AbortSignal} signal  ends it @param {{onBack: () => void, onLeave: () => void, onDevices: () => void}} observer */
export function watchWorld(signal, { onBack, onLeave, onDevices }) {
  addEventListener("online", onBack, { signal });
  addEventListener("pagehide", onLeave, { signal });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    wakeAudio(); // a phone stops the sound of a page that is not seen
    onBack();
  }, { signal });
  navigator.mediaDevices?.addEventListener?.("devicechange", onDevices, { signal });
}

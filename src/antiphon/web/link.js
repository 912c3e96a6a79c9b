// @ts-check
/** How good the line is, from the peer connection's statistics. Not here: when to ask, how to show it. */

/**
 * @typedef {{roundTripMs: number|null, lossPercent: number|null}} Link
 * @param {RTCPeerConnection} peer
 * @returns {Promise<Link>}
 */
export async function readLink(peer) {
  const report = await peer.getStats();
  /** @type {any} */ let pair = null;
  /** @type {any} */ let inbound = null;
  report.forEach((entry) => {
    // The selected pair is named by the transport; a pair's own "selected" exists in one browser only.
    if (entry.type === "transport" && entry.selectedCandidatePairId) pair = report.get(entry.selectedCandidatePairId);
    if (entry.type === "inbound-rtp" && entry.kind === "audio") inbound = entry;
  });
  const received = inbound?.packetsReceived ?? 0;
  const lost = Math.max(0, inbound?.packetsLost ?? 0);
  return {
    roundTripMs: typeof pair?.currentRoundTripTime === "number" ? Math.round(pair.currentRoundTripTime * 1000) : null,
    lossPercent: received + lost > 0 ? Math.round((1000 * lost) / (received + lost)) / 10 : null,
  };
}

// @ts-check
/**
 * How a peer connection is doing, from its statistics: the same figures under the same names as in Python. Not here: when
 * to ask, how to show it.
 *
 * @typedef {object} ConnectionStats  null: not known, or no such thing on this transport
 * @property {number|null} round_trip_ms
 * @property {number|null} jitter_ms
 * @property {number|null} loss_in  part of 1, since the last reading
 * @property {number|null} loss_out  part of 1, as the other side last reported
 * @property {number|null} bitrate_in  bit/s, since the last reading
 * @property {number|null} bitrate_out
 * @property {string|null} local_candidate  "host", "srflx", "prflx" or "relay"
 * @property {string|null} remote_candidate
 */

/** @returns {ConnectionStats} */
export function noStats() {
  return {
    round_trip_ms: null, jitter_ms: null, loss_in: null, loss_out: null,
    bitrate_in: null, bitrate_out: null, local_candidate: null, remote_candidate: null,
  };
}

/** One for each connection: rates need the reading before. */
export class StatsReader {
  /** @type {{at: number, received: number, sent: number, packets: number, lost: number}|null} */ #before = null;

  /** @param {RTCPeerConnection} peer @returns {Promise<ConnectionStats>} */
  async read(peer) {
    return this.take(/** @type {any} */ (await peer.getStats()));
  }

  /** @param {Map<string, any>} report @returns {ConnectionStats} */
  take(report) {
    /** @type {any} */ let pair = null;
    /** @type {any} */ let inbound = null;
    /** @type {any} */ let answered = null;
    report.forEach((entry) => {
      // The selected pair is named by the transport; a pair's own "selected" exists in one browser only.
      if (entry.type === "transport" && entry.selectedCandidatePairId) pair = report.get(entry.selectedCandidatePairId) ?? pair;
      else if (entry.type === "candidate-pair" && entry.selected) pair ??= entry;
      else if (entry.type === "inbound-rtp" && entry.kind === "audio") inbound = entry;
      else if (entry.type === "remote-inbound-rtp" && entry.kind === "audio") answered = entry;
    });
    const now = {
      at: pair?.timestamp ?? inbound?.timestamp ?? 0,
      received: pair?.bytesReceived ?? 0,
      sent: pair?.bytesSent ?? 0,
      packets: inbound?.packetsReceived ?? 0,
      lost: Math.max(0, inbound?.packetsLost ?? 0),
    };
    const before = this.#before ?? { ...now, packets: 0, lost: 0 };
    this.#before = now;
    const seconds = (now.at - before.at) / 1000;
    const lost = Math.max(0, now.lost - before.lost);
    const packets = Math.max(0, now.packets - before.packets) + lost;
    return {
      round_trip_ms: milliseconds(pair?.currentRoundTripTime),
      jitter_ms: milliseconds(inbound?.jitter),
      loss_in: packets > 0 ? lost / packets : null,
      loss_out: typeof answered?.fractionLost === "number" ? answered.fractionLost : null,
      bitrate_in: seconds > 0 ? Math.round((8 * (now.received - before.received)) / seconds) : null,
      bitrate_out: seconds > 0 ? Math.round((8 * (now.sent - before.sent)) / seconds) : null,
      local_candidate: report.get(pair?.localCandidateId)?.candidateType ?? null,
      remote_candidate: report.get(pair?.remoteCandidateId)?.candidateType ?? null,
    };
  }
}

/** @param {unknown} seconds */
function milliseconds(seconds) {
  return typeof seconds === "number" ? Math.round(seconds * 10_000) / 10 : null;
}

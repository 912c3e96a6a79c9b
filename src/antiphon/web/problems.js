// @ts-check
/**
 * Why something could not be done, as a short key (`kind`) that a page puts into words. Not here: the words.
 *
 * About a call: `server_gone` `origin_not_allowed` `server_slow` `server_full` `server_error` `too_many` `not_allowed` `refused` `bad_answer`
 * `no_path` `connection_lost` `other_side_ended` `no_token` `aborted` `unexpected` `not_connected` `message_too_large`
 * `queue_full` `session_expired`. About devices: `microphone_refused` `microphone_missing` `microphone_busy` `microphone_insecure`
 * `microphone_gone` `speaker_unknown`.
 *
 * @typedef {{kind: string, status?: number, detail?: string, retry_after_ms?: number}} Problem
 */

export class CallError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail ? `${problem.kind}: ${problem.detail}` : problem.kind);
    this.name = "CallError";
    this.problem = problem;
  }
}

/** @param {unknown} error @returns {Problem} */
export function problemOf(error) {
  return error instanceof CallError ? error.problem : { kind: "unexpected", detail: String(error) };
}

/** What an HTTP refusal means to a caller. @param {Response} response @param {string} body @returns {Problem} */
export function refusalOf(response, body) {
  const { status } = response;
  const seconds = Number(response.headers.get("Retry-After"));
  let kind = status >= 500 ? "server_error" : "refused";
  if (status === 401 || status === 403) kind = "not_allowed";
  if (status === 429) kind = "too_many";
  if (status === 503) kind = "server_full";
  return { kind, status, detail: messageIn(body), ...(seconds > 0 ? { retry_after_ms: seconds * 1000 } : {}) };
}

/** The message of an error in the protocol's shape, or "". @param {string} body */
function messageIn(body) {
  try {
    return String(JSON.parse(body).error?.message ?? "");
  } catch {
    return "";
  }
}

// @ts-check
/**
 * What the page needs once a call has begun: the transcript, the panels beside it, a screen that stays on. Fetched when it
 * stands, or something was written.
 */
export { drawAnswers } from "./answers-panel.js";
export { StayAwake } from "./awake.js";
export { ConversationPanel } from "./conversation-panel.js";
export { drawLine, watchLine } from "./line-panel.js";
export { pastEntries } from "./past-entries.js";
export { TranscriptView } from "./transcript-view.js";

// @ts-check
/** What the page shows once a call has begun: the transcript, and the panels beside it. Fetched while it connects. */
export { drawAnswers } from "./answers-panel.js";
export { ConversationPanel } from "./conversation-panel.js";
export { drawLine } from "./line-panel.js";
export { TranscriptView } from "./transcript-view.js";

// @ts-check
/** The panels beside a call: how the answers came about, the line, the conversation. Fetched when the first call begins. */
export { drawAnswers } from "./answers-panel.js";
export { ConversationPanel } from "./conversation-panel.js";
export { drawLine } from "./line-panel.js";

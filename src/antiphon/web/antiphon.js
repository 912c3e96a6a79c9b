// @ts-check
/** What web developers import: `import { RealtimeCall } from "https://your-server/antiphon.js"`. See docs/web.md. */
export { USUAL_SESSION } from "./call-options.js";
export { Chat } from "./chat.js";
export { Conversation } from "./conversation.js";
export { CONSUME, Handlers } from "./handlers.js";
export { CallError } from "./problems.js";
export { RealtimeCall } from "./realtime-call.js";
export { Router } from "./router.js";
export { SpeechActivity } from "./speech-activity.js";
export { answerMs, Turns } from "./turns.js";
export { OPENAI_PRICES, UsageMeter } from "./usage.js";
export { AntiphonCall } from "./antiphon-call.js";

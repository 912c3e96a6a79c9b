// @ts-check
/** What web developers import: `import { RealtimeCall } from "https://your-server/antiphon.js"`. See docs/web.md. */
export { CONSUME, Handlers } from "./handlers.js";
export { CallError } from "./problems.js";
export { RealtimeCall, USUAL_SESSION } from "./realtime-call.js";

// Puts the seed's React component on the page. Its class stands on the page before, as a script of its own.

import RealtimeVoiceChat from "founding-component";
import { createRoot } from "react-dom/client";

createRoot(document.getElementById("root")!).render(<RealtimeVoiceChat />);

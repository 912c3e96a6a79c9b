// Puts the seed's app on the page, as Expo does on a phone.

import App from "founding-app";
import { createRoot } from "react-dom/client";

createRoot(document.getElementById("root")!).render(<App />);

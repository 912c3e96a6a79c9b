import { createRoot } from "react-dom/client";
import { App } from "./App.jsx";

// antiphon serve --allow-origin http://localhost:5173     where Vite serves this page
createRoot(document.querySelector("#root")).render(<App server="http://localhost:3000/" />);

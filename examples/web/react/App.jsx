// The same call twice in React 19: as the widget, and as a hook for a look of one's own.
import { useEffect, useRef, useState } from "react";
import { useCall } from "./useCall.js";

export function App({ server }) {
  const [said, setSaid] = useState([]);
  const { state, messages, send, connect, disconnect } = useCall({ url: server, microphone: false });
  const field = useRef(null);

  // The element defines itself when the module is loaded.
  useEffect(() => void import(/* @vite-ignore */ `${server}antiphon.js`), [server]);

  const onEvent = ({ detail }) => {
    if (detail.type === "user.message") setSaid((before) => [...before, detail.text]);
  };
  const onSubmit = (event) => {
    event.preventDefault();
    send(field.current.value);
    field.current.value = "";
  };

  return (
    <main>
      <antiphon-call src={server} onantiphon={onEvent} />
      <p id="said">{said.join(", ")}</p>

      <button disabled={state === "loading"} onClick={state === "connected" ? disconnect : connect}>
        {state === "connected" ? "Hang up" : "Call"}
      </button>
      <ol id="messages">
        {messages.map((message) => (
          <li key={message.id}>
            {message.role}: {message.text}
          </li>
        ))}
      </ol>
      <form onSubmit={onSubmit}>
        <input ref={field} aria-label="Message" />
      </form>
    </main>
  );
}

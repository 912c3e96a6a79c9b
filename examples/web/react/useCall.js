// A call as React state: it is made once, ends with the component, and its chat is what the component draws.
import { useCallback, useEffect, useRef, useState } from "react";

export function useCall({ url, ...options }) {
  const call = useRef(null);
  const [state, setState] = useState("loading");
  const [messages, setMessages] = useState([]);

  useEffect(() => {
    let isGone = false;
    import(/* @vite-ignore */ `${url}antiphon.js`).then(({ RealtimeCall }) => {
      if (isGone) return;
      const made = new RealtimeCall({ url, ...options });
      call.current = made;
      setState(made.state);
      made.on("connection.changed", (event) => setState(event.state));
      // `messages` is another array after each change and the same one between them.
      made.chat.onChange(() => setMessages(made.chat.messages));
    });
    return () => {
      isGone = true;
      call.current?.disconnect();
      call.current = null;
    };
  }, [url]);

  return {
    state,
    messages,
    connect: useCallback(() => call.current?.connect().catch(() => {}), []), // why not: call.current.problem
    disconnect: useCallback(() => call.current?.disconnect(), []),
    send: useCallback((text) => call.current?.sendText(text), []),
  };
}

// An app of react-native-openai-realtime, as its own quick start writes one. What its callbacks are told, and the
// reference through which it is driven, stand on `app`.

import { useEffect, useRef } from "react";
import { createRoot } from "react-dom/client";
import {
  RealTimeClient,
  createSpeechActivityMiddleware,
  useRealtime,
  useSessionOptions,
  useSpeechActivity,
  type RealTimeClientHandle,
} from "react-native-openai-realtime";

const seen = {
  handle: null as RealTimeClientHandle | null,
  send: null as ((text: string) => Promise<void>) | null,
  toolCalls: [] as unknown[],
  errors: [] as unknown[],
  userSpoke: false,
  assistantSpoke: false,
  spoken: "",
  written: "",
};
Object.assign(window, { app: seen });

const tokenProvider = async () => {
  const r = await fetch("/realtime/session");
  const j = await r.json();
  return j.client_secret.value;
};

const TOOL = {
  type: "function",
  name: "delayed_add",
  description: "Add two numbers slowly",
  parameters: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
  },
};

const SESSION = {
  model: "gpt-4o-realtime-preview-2024-12-17",
  voice: "alloy",
  modalities: ["audio", "text"],
  input_audio_transcription: { model: "whisper-1", language: "en" },
  turn_detection: { type: "server_vad", silence_duration_ms: 700, threshold: 0.5, prefix_padding_ms: 300 },
  tools: [TOOL],
  instructions: "Short and useful answers.",
} as const;

const MIDDLEWARE = [createSpeechActivityMiddleware()];

function onToolCall({ name, args }: { name: string; args: { a: number; b: number } }) {
  seen.toolCalls.push({ name, args });
  return { sum: args.a + args.b };
}

function onAssistantTextDelta({ delta, channel }: { delta: string; channel: string }) {
  seen[channel === "audio_transcript" ? "spoken" : "written"] += delta;
}

function onEvent(event: { type: string }) {
  if (event.type === "error") seen.errors.push(event);
}

function Screen() {
  const { client, status, connect, disconnect, chat } = useRealtime();
  seen.send = useSessionOptions(client).handleSendMessage;
  const { isUserSpeaking, isAssistantSpeaking } = useSpeechActivity();
  seen.userSpoke ||= isUserSpeaking;
  seen.assistantSpoke ||= isAssistantSpeaking;
  return (
    <main>
      <output>{status}</output>
      <button onClick={() => void connect()}>Connect</button>
      <button onClick={() => void disconnect()}>Disconnect</button>
      {chat.map((entry) => (
        <p key={entry.id} data-role={entry.role}>
          {entry.type === "text" && entry.text}
        </p>
      ))}
    </main>
  );
}

function App() {
  const handle = useRef<RealTimeClientHandle>(null);
  useEffect(() => {
    seen.handle = handle.current;
  });
  return (
    <RealTimeClient
      ref={handle}
      tokenProvider={tokenProvider}
      incomingMiddleware={MIDDLEWARE}
      session={SESSION}
      greetEnabled
      greetInstructions="Say hello."
      greetModalities={["audio", "text"]}
      chatInverted
      onToolCall={onToolCall}
      onAssistantTextDelta={onAssistantTextDelta}
      onError={(event) => seen.errors.push(`${event.stage}: ${event.error?.message ?? event.error}`)}
      onEvent={onEvent}
    >
      <Screen />
    </RealTimeClient>
  );
}

createRoot(document.getElementById("root")!).render(<App />);

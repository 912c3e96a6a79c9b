// Puts the seed's client class on the page, without its app, and collects what its callbacks are told.

import OpenAIRealtimeClient from "founding-client";

const told = { user: [] as string[], assistant: "", errors: [] as string[] };
const client = new OpenAIRealtimeClient({ serverBaseUrl: window.location.origin });
client.onUserTranscript = (text) => told.user.push(text);
client.onTranscriptDelta = (_role, delta) => (told.assistant += delta);
client.onError = (error) => told.errors.push(error.message);
Object.assign(window, { client, told });

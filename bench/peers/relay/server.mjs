// The limit: two hand-written provider calls (route, answer) between uWebSockets.js and undici, and
// nothing else: no storage, authentication, validation or framework. PEER_CALLS=1 makes only the second;
// PEER_PARSE=1 parses and frames each token anew instead of passing bytes through.

import { App, us_socket_local_port } from "uWebSockets.js";
import { Agent } from "undici";
import { agents, listening, model, names, port, providerUrl, subPrompt, supervisorPrompt, triggers } from "../support.mjs";

const calls = Number(process.env.PEER_CALLS ?? "2");
const parses = process.env.PEER_PARSE === "1";
const url = new URL(providerUrl);
const path = `${url.pathname}/chat/completions`;
const dispatcher = new Agent({ connections: 12_000, pipelining: 1 });
const headers = { "content-type": "application/json" };
const histories = new Map();

const routeTool = {
  type: "function",
  function: {
    name: "route",
    description: `Choose the agent.\n${triggers}`,
    parameters: { type: "object", properties: { agent: { type: "string", enum: names } }, required: ["agent"] },
  },
};

function call(body, onData, onEnd, onError) {
  dispatcher.dispatch(
    { origin: url.origin, path, method: "POST", headers, body: JSON.stringify(body) },
    {
      onConnect() {},
      onHeaders: () => true,
      onData(piece) {
        onData(piece);
        return true;
      },
      onComplete: onEnd,
      onError,
    },
  );
}

function callJson(body) {
  return new Promise((resolve, reject) => {
    const pieces = [];
    call(body, (piece) => pieces.push(piece), () => resolve(JSON.parse(Buffer.concat(pieces).toString("utf8"))), reject);
  });
}

async function route(history) {
  if (calls < 2) return "billing";
  const answer = await callJson({
    model,
    messages: [{ role: "system", content: supervisorPrompt }, ...history],
    tools: [routeTool],
    tool_choice: "required",
  });
  return JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments).agent;
}

async function chat(response, state, { session, message, stream }) {
  const history = histories.get(session) ?? [];
  history.push({ role: "user", content: message });
  histories.set(session, history);
  const agent = await route(history);
  if (!(agent in agents)) throw new Error("unknown agent");
  const body = { model, messages: [{ role: "system", content: subPrompt(agent) }, ...history] };
  if (stream) {
    let isStarted = false;
    let rest = "";
    const reframed = (piece) => {
      const lines = (rest + piece.toString("utf8")).split("\n\n");
      rest = lines.pop();
      let out = "";
      for (const line of lines) {
        if (!line.startsWith("data: {")) continue;
        const content = JSON.parse(line.slice(6)).choices[0]?.delta?.content;
        if (content) out += `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
      }
      return out;
    };
    call(
      { ...body, stream: true },
      (piece) => {
        if (state.isGone) return;
        const out = parses ? reframed(piece) : piece;
        if (out.length === 0) return;
        response.cork(() => {
          if (!isStarted) response.writeHeader("content-type", "text/event-stream");
          isStarted = true;
          response.write(out);
        });
      },
      () => state.isGone || response.cork(() => response.end()),
      () => state.isGone || response.close(),
    );
    return;
  }
  const answer = await callJson(body);
  const text = answer.choices[0].message.content;
  history.push({ role: "assistant", content: text });
  if (state.isGone) return;
  response.cork(() => {
    response.writeHeader("content-type", "application/json");
    response.end(JSON.stringify({ response: text, conversation: session, agent }));
  });
}

const app = App();
app.get("/health", (response) => response.writeHeader("content-type", "application/json").end('{"status":"live"}'));
const withBody = (response, take) => {
  const state = { isGone: false };
  let body = "";
  response.onAborted(() => {
    state.isGone = true;
  });
  response.onData((part, isLast) => {
    body += Buffer.from(part).toString("utf8");
    if (isLast) take(JSON.parse(body), state);
  });
};
app.post("/echo", (response) =>
  withBody(response, (value) =>
    response.cork(() => response.writeHeader("content-type", "application/json").end(JSON.stringify(value))),
  ),
);
app.post("/chat", (response) =>
  withBody(response, (value, state) => {
    chat(response, state, value).catch(() => state.isGone || response.cork(() => response.writeStatus("502").end()));
  }),
);

// Bare server-sent events for the question on open streams: PEER_TOKEN_MS between events of a stream.
const streams = [];
app.get("/sse", (response) => {
  const state = { response, isGone: false };
  response.onAborted(() => {
    state.isGone = true;
  });
  response.writeHeader("content-type", "text/event-stream");
  response.write(": ok\n\n");
  streams.push(state);
});
const tokenMs = Number(process.env.PEER_TOKEN_MS ?? "1000");
const slots = 100;
let slot = 0;
setInterval(() => {
  const now = process.hrtime.bigint() / 1_000n;
  const frame = `data: {"choices":[{"index":0,"delta":{"content":" ~${now}~"},"finish_reason":null}]}\n\n`;
  for (let at = slot; at < streams.length; at += slots) {
    const { response, isGone } = streams[at];
    if (!isGone) response.cork(() => response.write(frame));
  }
  slot = (slot + 1) % slots;
}, tokenMs / slots);

app.listen("127.0.0.1", port, (token) => listening(us_socket_local_port(token)));

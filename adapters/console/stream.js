// One turn of chat over the network: sends the message, reads the stream, and when the connection
// is cut takes the run up again where it stood. The run lives on the server whatever happens here.

const RETRIES_MAX = 8;
const RETRY_MS_MAX = 8000;

/** A request of this page; throws an Error with the server's own message and `status`. */
export async function request(path, options = {}) {
  const response = await fetch(path, {
    ...options,
    credentials: "same-origin",
    headers: { ...(options.body && { "Content-Type": "application/json" }), ...options.headers },
  });
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const message = body.error?.message ?? body.detail ?? `The server answered ${response.status}.`;
  throw Object.assign(new Error(message), { status: response.status });
}

/** Server-sent events of a response: {id, event, data}. */
async function* serverEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const parts = rest.split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const event = parsed(part);
        if (event.data) yield event;
      }
    }
  } finally {
    // Whoever stops reading early gives the connection back; a broken one has nothing to cancel.
    reader.cancel().catch(() => undefined);
  }
}

function parsed(part) {
  const event = { id: "", event: "message", data: "" };
  for (const line of part.split("\n")) {
    const colon = line.indexOf(": ");
    const name = line.slice(0, colon);
    if (name === "data" && event.data) event.data += `\n${line.slice(colon + 2)}`;
    else if (name in event) event[name] = line.slice(colon + 2);
  }
  return event;
}

/**
 * Sends a message and yields what happens: {run}, {conversation}, {routing}, {text}, {restart},
 * {sources}, {notice}, {waiting} (true while the connection is down), and at last {end} with the
 * reply when the server gave one, or {error}.
 */
export async function* chat(body) {
  const turn = { run: null, lastId: "", key: crypto.randomUUID(), isDone: false };
  for (let attempt = 0; attempt < RETRIES_MAX; attempt += 1) {
    try {
      yield* send(turn, body);
    } catch (error) {
      if (error.status !== undefined) {
        yield { error: messageOf(error) };
        return;
      }
    }
    if (turn.isDone) return;
    if (turn.run !== null) break;
    // Cut before the server said which run it is: the key makes the same message the same run.
    yield { waiting: true };
    await pause(attempt);
  }
  if (turn.run === null) yield { error: "The server cannot be reached." };
  else yield* resume(turn);
}

async function* send(turn, body) {
  const response = await request("/v1/proxy/core-agent-chat", {
    method: "POST",
    headers: { "Idempotency-Key": turn.key },
    body: JSON.stringify({ ...body, stream: true }),
  });
  yield { waiting: false };
  for await (const event of serverEvents(response)) {
    if (event.id) turn.lastId = event.id;
    if (event.data === "[DONE]") {
      turn.isDone = true;
      return;
    }
    const chunk = JSON.parse(event.data);
    turn.run = chunk.run_id ?? turn.run;
    if (chunk.error?.code === "stream_restarted") {
      // What was shown is not what is stored: read the run again from its start.
      turn.lastId = "";
      yield { restart: true };
      return;
    }
    yield* ofChunk(chunk);
    if (chunk.error) turn.isDone = true;
  }
}

function pause(attempt) {
  return new Promise((done) => setTimeout(done, Math.min(RETRY_MS_MAX, 300 * 2 ** attempt)));
}

async function* resume(turn) {
  for (let attempt = 0; attempt < RETRIES_MAX; attempt += 1) {
    yield { waiting: true };
    await pause(attempt);
    try {
      const response = await request(`/v2/runs/${turn.run}/events`, {
        headers: turn.lastId ? { "Last-Event-ID": turn.lastId } : {},
      });
      yield { waiting: false };
      for await (const event of serverEvents(response)) {
        attempt = 0;
        if (event.id) turn.lastId = event.id;
        if (event.data === "[DONE]") return;
        const frame = JSON.parse(event.data);
        if (event.event === "error") {
          if (frame.retryable) break;
          yield { error: frame.detail };
          return;
        }
        yield* ofFrame(frame);
        if (frame.type === "end") return;
      }
    } catch (error) {
      if (error.status === 410 || error.status === 404) {
        yield { end: { isTrimmed: true } };
        return;
      }
      if (error.status !== undefined && error.status < 500) {
        yield { error: messageOf(error) };
        return;
      }
    }
  }
  yield { error: "The server cannot be reached. The answer will be in the conversation later." };
}

function* ofChunk(chunk) {
  if (chunk.run_id) yield { run: chunk.run_id };
  if (chunk.conversation_key) yield { conversation: chunk.conversation_key };
  if (chunk.routing_info) yield { routing: chunk.routing_info };
  const text = chunk.choices?.[0]?.delta?.content;
  if (text) yield { text };
  if (chunk.sources) yield { sources: chunk.sources };
  if (chunk.notice) yield { notice: chunk.notice };
  if (chunk.error) yield { error: chunk.error.message };
}

/** Id of a run whose text is no part of the answer, e.g. of a member of a team. */
const ASIDE = /\.\d+a(\.|$)/;

function* ofFrame(frame) {
  if (ASIDE.test(frame.run ?? "")) return;
  if (frame.type === "text") yield { text: frame.text };
  if (frame.type === "reset") yield { restart: true };
  if (frame.type === "event") {
    const { event } = frame;
    if (event?.type === "routing") yield { routing: event.routing_info };
    if (event?.type === "sources") yield { sources: event.sources };
    if (event?.type === "notice") yield { notice: event.text };
    if (event?.type === "waiting_for_target")
      yield { notice: "A target is away: the answer goes on when it is back." };
    if (event?.type === "target_settled" && event.outcome === "back")
      yield { notice: "The target is back." };
  }
  if (frame.type !== "end") return;
  if (frame.reply) yield { end: frame.reply };
  const status = frame.outcome?.status;
  if (status === "cancelled") yield { notice: "Stopped." };
  else if (status && status !== "completed")
    yield { error: frame.outcome.error?.message ?? status };
}

function messageOf(error) {
  return error instanceof TypeError ? "The server cannot be reached." : error.message;
}

// An agent elsewhere by A2A 1.0: its card is the target's url. A task is begun, followed while it streams, looked at
// where it does not, and cancelled there when nobody waits for it any more. The wire is that of the tool remote_agent.

import { setTimeout as delay } from "node:timers/promises";
import type { WorkEnd, WorkTask } from "../../actors/engines/works.ts";
import { createRemoteStream } from "../../actors/tools/remote-stream.ts";
import {
  type RemoteEndpoint,
  type RemoteMethod,
  type RemoteTask,
  readCard,
  readRemote,
  remoteRequest,
} from "../../actors/tools/remote-wire.ts";
import type { WebAnswer } from "../../actors/web.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { agentFault, firstAnswer, type ManagedOptions, Telling } from "./agent-request.ts";
import { nothingUsed, type WorkHooks } from "./driver.ts";

/** Between two looks at a task, ms: the first, and the most. */
const LOOK_MS = 200;
const LOOK_MS_MAX = 2_000;
/** One request, and telling the other side of a cancel, ms. */
const REQUEST_MS = 30_000;
const CANCEL_MS = 5_000;
/** Looks at a task that may fail one after the other. */
const FAILURES_MAX = 5;
const ANSWER_BYTES_MAX = 4 * 1_024 * 1_024;
const SAID_CHARS = 500;

type Asker = (
  place: RemoteEndpoint | null,
  wanted: RemoteMethod | { readonly method: "card" },
  by: AbortSignal,
  onText?: (piece: string) => void,
) => Promise<WebAnswer>;

/** Does a task. */
export async function askA2a(
  options: ManagedOptions,
  task: WorkTask,
  hooks: WorkHooks,
): Promise<WorkEnd> {
  const ask = asker(options, task);
  const card = await firstAnswer(() => ask(null, { method: "card" }, hooks.signal), false);
  const { place, streams } = readCard({ url: options.url }, card);
  const { config } = options;
  const said = [config.instruction ?? "", task.instruction ?? "", task.text];
  const text = said.filter((one) => one !== "").join("\n\n");
  const { session } = task;
  const send = { method: "SendMessage", messageId: task.operation, text } as const;
  // Not cut: the answer has the id by which the task is cancelled.
  const wanted = { ...send, ...(session && { contextId: session }) };
  const sent = () => ask(place, wanted, AbortSignal.timeout(REQUEST_MS));
  const begun = readRemote(await firstAnswer(sent, true));
  const telling = new Telling(hooks);
  try {
    const end = begun.isGoingOn
      ? await followed(ask, { place, streams, task: begun }, hooks, telling)
      : begun;
    await telling.done();
    return endOf(end);
  } catch (error) {
    if (hooks.signal.aborted) {
      const cancel = { method: "CancelTask", id: begun.id } as const;
      await ask(place, cancel, AbortSignal.timeout(CANCEL_MS)).catch(() => undefined);
    }
    throw error;
  }
}

interface Followed {
  readonly place: RemoteEndpoint;
  readonly streams: boolean;
  readonly task: RemoteTask;
}

async function followed(
  ask: Asker,
  { place, streams, task }: Followed,
  { signal }: WorkHooks,
  telling: Telling,
): Promise<RemoteTask> {
  const { id } = task;
  let failures = 0;
  let isStreaming = false;
  let shown = "";
  const show = (whole: string): void => {
    if (!whole.startsWith(shown) || whole === shown) return;
    telling.tell({ type: "text", text: whole.slice(shown.length) });
    shown = whole;
  };
  for (let waitMs = LOOK_MS; ; waitMs = Math.min(2 * waitMs, LOOK_MS_MAX)) {
    try {
      if (isStreaming) isStreaming = await streamed(ask, { place, id, signal, show });
      else await delay(waitMs, undefined, { signal });
      const now = readRemote(await ask(place, { method: "GetTask", id }, signal));
      if (now.isGoingOn) {
        // One that is over at the first look is not followed: some servers say nothing to whoever tries.
        if (failures === 0 && waitMs === LOOK_MS) isStreaming = streams;
        failures = 0;
        continue;
      }
      if (now.state === "COMPLETED") show(now.text);
      return now;
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      if (failures >= FAILURES_MAX) throw error;
    }
  }
}

interface Streamed {
  readonly place: RemoteEndpoint;
  readonly id: string;
  readonly signal: AbortSignal;
  show(whole: string): void;
}

/** @returns whether to follow it once more: the connection was only too old. */
async function streamed(ask: Asker, { place, id, signal, show }: Streamed): Promise<boolean> {
  const over = new AbortController();
  const stream = createRemoteStream({ said: show, over: () => over.abort() });
  const cut = AbortSignal.any([signal, over.signal, AbortSignal.timeout(REQUEST_MS)]);
  try {
    await ask(place, { method: "SubscribeToTask", id }, cut, stream.push);
    return false;
  } catch {
    signal.throwIfAborted();
    return cut.aborted && !over.signal.aborted;
  }
}

function asker({ url, apiKey, web }: ManagedOptions, { tenant, domains }: WorkTask): Asker {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  return async (place, wanted, signal, onText) => {
    const request = {
      ...remoteRequest({ url, headers }, place, wanted),
      ...(onText && { onText }),
    };
    const terms = { tenant, signal, timeoutMs: REQUEST_MS, bytesMax: ANSWER_BYTES_MAX };
    return await web.request({ ...request, ...terms, ...(domains && { domains }) });
  };
}

/** What models used for it, only the other side knows. */
function endOf({ state, text, contextId, data, id }: RemoteTask): WorkEnd {
  const session = contextId === "" ? null : contextId;
  if (state === "COMPLETED") {
    const answer = text === "" && data !== undefined ? JSON.stringify(data) : text;
    return {
      ...{ text: "", answer, session, usage: nothingUsed },
      ...(data !== undefined && { output: data }),
    };
  }
  const told = text === "" ? "" : `. It says: ${text.slice(0, SAID_CHARS)}`;
  const fault = agentFault(`its task is ${state.toLowerCase()}${told}`, { state, task_id: id });
  if (state !== "CANCELED") throw fault;
  throw new RuntimeError("CANCELLED", fault.message);
}

// The tool remote_agent: an agent elsewhere that speaks A2A 1.0 does a task. The call's own name is the
// id of the message, so that a call that is made again is the same message; the task is looked at until
// it has ended, and cancelled there when the call is.

import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { WebAnswer } from "../ports.ts";
import { Type } from "../schema.ts";
import { withoutSecrets } from "./http-build.ts";
import {
  cardInterface,
  type RemoteConfig,
  type RemoteEndpoint,
  type RemoteMethod,
  type RemoteTask,
  readRemote,
  remoteRequest,
} from "./remote-wire.ts";
import { failure } from "./result.ts";
import type { Arguments } from "./tool.ts";
import {
  argumentsSchema,
  type ToolConfig,
  type ToolPlace,
  type ToolTerms,
  type ToolType,
} from "./tool-type.ts";

/** Between two looks at a task, ms: the first, and the most. */
const LOOK_MS = 200;
const LOOK_MS_MAX = 2_000;
/** How long telling the other side of a cancel may take, ms. */
const CANCEL_MS = 5_000;
/** So long before the call's own time is over its task is given up, ms; at most half of it. */
const LATE_MS = 1_000;
/** Looks at a task that may fail one after the other. */
const FAILURES_MAX = 5;
const TASK_CHARS = 32_000;
const ID_CHARS = 200;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

/** Type `remote_agent`. */
export const remoteAgentTool: ToolType = {
  type: "remote_agent",
  config: Type.Object(
    {
      /** Of its card. */
      url: text(2_000),
      /** Sent with every request, to the card's own origin and to `allowed_hosts`. */
      headers: Type.Optional(
        Type.Record(Type.String(), Type.String({ maxLength: limits.webHeaderChars }), {
          maxProperties: limits.webHeaders,
        }),
      ),
      secret_headers: Type.Optional(Type.Array(text(64), { maxItems: limits.webHeaders })),
      /** Hosts beside that of `url` at which the agent may be. */
      allowed_hosts: Type.Optional(
        Type.Array(text(255), { minItems: 1, maxItems: limits.webHosts }),
      ),
      /** Of an answer, default 256 KiB. */
      max_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.webBytesMax })),
    },
    { additionalProperties: false },
  ),
  needs: ["network", "execute"],
  check: ({ url }) => {
    const parsed = URL.canParse(String(url)) ? new URL(String(url)) : null;
    const isWeb = parsed !== null && ["http:", "https:"].includes(parsed.protocol);
    if (isWeb && parsed.username === "" && parsed.password === "") return;
    const message = "url is http or https, without a user or password.";
    throw new RuntimeError("INVALID", message, { pointer: "/url" });
  },
  describe: () =>
    "Gives a task to an agent of another system and returns its answer. It knows nothing of this conversation: say " +
    "everything that it needs. When it asks something, call this again with its context_id and the reply.",
  parameters: () =>
    argumentsSchema(["task"], {
      task: { type: "string", minLength: 1, maxLength: TASK_CHARS },
      context_id: {
        type: "string",
        maxLength: ID_CHARS,
        description: "To go on in a conversation.",
      },
      task_id: { type: "string", maxLength: ID_CHARS, description: "To reply to what it asked." },
    }),
  make,
};

function make(config: ToolConfig, { context }: ToolPlace, { timeoutMs }: ToolTerms) {
  const own = config as unknown as RemoteConfig;
  const send = async (
    wanted: Parameters<typeof remoteRequest>[2],
    place: RemoteEndpoint | null,
    signal: AbortSignal,
  ): Promise<WebAnswer> => {
    const request = remoteRequest(own, place, wanted);
    const terms = { signal, timeoutMs, bytesMax: own.max_bytes ?? limits.webBytes };
    return withoutSecrets(own, await context.ports.web.request({ ...request, ...terms }));
  };
  return {
    // The other side knows the message by its id; `repeat: never` is for those that do not.
    repeat: () => "safe" as const,
    perform: async ({ arguments: given, operation, signal }: Performed): Promise<unknown> => {
      const place = cardInterface(own, await send({ method: "card" }, null, signal));
      const late = AbortSignal.timeout(Math.max(1, timeoutMs - Math.min(LATE_MS, timeoutMs / 2)));
      const ask = async (method: RemoteMethod, by: AbortSignal): Promise<RemoteTask> =>
        readRemote(await send(method, place, by));
      // Not cut with the call: the answer has the id by which the task is cancelled.
      const message = { method: "SendMessage", messageId: operation, ...saidIn(given) } as const;
      return await ended(await ask(message, late), { ask, signal, late });
    },
  };
}

interface Waiting {
  ask(method: RemoteMethod, by: AbortSignal): Promise<RemoteTask>;
  /** That of the call. */
  readonly signal: AbortSignal;
  /** Shortly before the call is out of time: one that is cut by it would be made again. */
  readonly late: AbortSignal;
}

/** The task's end, or why it is not waited for. @throws the reason of the call's signal. */
async function ended(begun: RemoteTask, { ask, signal, late }: Waiting): Promise<unknown> {
  const cut = AbortSignal.any([signal, late]);
  const { id } = begun;
  let task = begun;
  let failures = 0;
  for (let waitMs = LOOK_MS; task.isGoingOn; waitMs = Math.min(2 * waitMs, LOOK_MS_MAX)) {
    try {
      await pause(waitMs, cut);
      task = await ask({ method: "GetTask", id }, cut);
      failures = 0;
    } catch (error) {
      if (!cut.aborted) {
        failures += 1;
        if (failures < FAILURES_MAX) continue;
        // Told, not thrown: a call that is made again would send its message again.
        const { code, message } = toErrorData(error);
        return failure(code, message);
      }
      // What is only interrupted here (a thread that ends) is taken up again, and goes on there.
      if (!isMoved(signal)) {
        const by = AbortSignal.timeout(CANCEL_MS);
        await ask({ method: "CancelTask", id }, by).catch(ignored);
      }
      if (signal.aborted) throw error;
      return failure("DEADLINE", "The other agent was not done in time; its task was cancelled.");
    }
  }
  return resultOf(task);
}

interface Performed {
  readonly arguments: Arguments;
  readonly operation: string;
  readonly signal: AbortSignal;
}

function saidIn(given: Arguments) {
  const { task, context_id: contextId, task_id: taskId } = given;
  return {
    text: String(task),
    ...(typeof contextId === "string" && { contextId }),
    ...(typeof taskId === "string" && { taskId }),
  };
}

function resultOf({ id, contextId, state, text: said, data }: RemoteTask): unknown {
  const of = { context_id: contextId, ...(data !== undefined && { data }) };
  if (state === "COMPLETED") return { answer: said, ...of };
  if (state === "INPUT_REQUIRED" || state === "AUTH_REQUIRED") {
    return { asks: said, state: state.toLowerCase(), task_id: id, ...of };
  }
  const why = said === "" ? "" : ` It says: ${said}`;
  return failure("PROVIDER_FAILED", `The task of the other agent is ${state.toLowerCase()}.${why}`);
}

/** Whether the run goes on elsewhere: its shard has moved, or its process ends. */
function isMoved({ aborted, reason }: AbortSignal): boolean {
  const code = reason instanceof RuntimeError ? reason.code : "";
  return aborted && ["STALE_EPOCH", "SHUTTING_DOWN", "WORKER_LOST"].includes(code);
}

/** The other side ends its task by itself then, or not: nobody here waits for it any more. */
function ignored(): void {}

/** @throws the signal's reason. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

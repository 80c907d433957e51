// Errors of this server as the protocol has them. What it has no word for (a used-up balance, a full
// mailbox, a server that stops) is answered by the door, with its HTTP status.

import {
  A2AError,
  RequestMalformedError,
  restStatusFor,
  TaskNotCancelableError,
  toRestErrorBody,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import type { A2ARequestHandler } from "@a2a-js/sdk/server";
import { RuntimeError } from "../../runtime/errors.ts";
import { json } from "../http/reply.ts";
import type { HttpResponse } from "../http/server.ts";

/** The protocol's error; anything else as it is. */
export function protocolError(error: unknown): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const { code, message, status } = error;
  if (code === "RUN_ENDED") return new TaskNotCancelableError(message);
  if (code === "CONFLICT" || code === "CONVERSATION_BUSY") {
    return new UnsupportedOperationError(message);
  }
  if (code === "KEY_REUSED") {
    return new RequestMalformedError(
      "message.messageId was that of another message: each has its own.",
    );
  }
  // Of the request, or of a context that is not there: the task and the agent have been found.
  if (status === 400 || status === 422 || code === "NOT_FOUND") {
    return new RequestMalformedError({ message, metadata: placeOf(error) });
  }
  return error;
}

/** Where it is: a pointer, or a parameter of the query. */
function placeOf({ details }: RuntimeError): Record<string, string> {
  const places = { pointer: details?.["pointer"], parameter: details?.["parameter"] };
  const known = Object.entries(places).map(([name, place]) =>
    typeof place === "string" ? { [name]: place } : {},
  );
  return Object.assign({}, ...known);
}

/** Whether the protocol has a word for it. */
export function isProtocolError(error: unknown): error is A2AError {
  return error instanceof A2AError;
}

/** An answer of the HTTP+JSON binding. */
export function restError(error: unknown): HttpResponse {
  const own = protocolError(error);
  if (!isProtocolError(own)) throw own;
  const status = restStatusFor(own);
  return json(status, toRestErrorBody(own, status));
}

/** A handler whose errors are the protocol's, and that remembers the last one that is not. */
export function withProtocolErrors(handler: A2ARequestHandler): {
  readonly handler: A2ARequestHandler;
  /** What the protocol has no word for; undefined when there was nothing. */
  failure(): unknown;
} {
  let failure: unknown;
  const told = (error: unknown): unknown => {
    const own = protocolError(error);
    if (!isProtocolError(own)) failure = own;
    return own;
  };
  async function* stream<T>(events: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* events;
    } catch (error) {
      throw told(error);
    }
  }
  const once =
    <A extends readonly unknown[], R>(method: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      method(...args).catch((error: unknown) => {
        throw told(error);
      });
  return {
    failure: () => failure,
    handler: {
      getAgentCard: once(handler.getAgentCard),
      getAuthenticatedExtendedAgentCard: once(handler.getAuthenticatedExtendedAgentCard),
      sendMessage: once(handler.sendMessage),
      sendMessageStream: (...args) => stream(handler.sendMessageStream(...args)),
      getTask: once(handler.getTask),
      listTasks: once(handler.listTasks),
      cancelTask: once(handler.cancelTask),
      resubscribe: (...args) => stream(handler.resubscribe(...args)),
      createTaskPushNotificationConfig: once(handler.createTaskPushNotificationConfig),
      getTaskPushNotificationConfig: once(handler.getTaskPushNotificationConfig),
      listTaskPushNotificationConfigs: once(handler.listTaskPushNotificationConfigs),
      deleteTaskPushNotificationConfig: once(handler.deleteTaskPushNotificationConfig),
    },
  };
}

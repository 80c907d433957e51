// A response as a stream of events over one connection.

import type { ResponseNote } from "../../../../actors/records/response.ts";
import { type ErrorData, toErrorData } from "../../../../runtime/errors.ts";
import { errorBody } from "../../reply.ts";
import type { RouteContext } from "../../route.ts";
import type { HttpResponse } from "../../server.ts";
import type { Attached } from "../../services/answering.ts";
import { eventStream } from "../../sse.ts";
import { ResponseWriter, type WireError } from "./writer.ts";

/** A response as events over one connection, from its first or behind the one that `after` numbers. */
export function responseStream(
  context: Pick<RouteContext, "request" | "route">,
  { accepted, frames }: Attached,
  { note, after }: { readonly note: ResponseNote; readonly after: number | null },
): HttpResponse {
  const { request, route } = context;
  const place = { style: route.errors, requestId: request.id, service: route.service };
  const error = (data: ErrorData): WireError =>
    (errorBody(data, place) as { readonly error: WireError }).error;
  const writer = new ResponseWriter({ run: accepted.run, note, after, error });
  return eventStream(async ({ send, signal }) => {
    try {
      await send(writer.take([]));
      for await (const batch of frames) {
        await send(writer.take(batch));
        if (signal.aborted || writer.isDone) return;
      }
    } catch (thrown) {
      if (!signal.aborted) await send(writer.fail(toErrorData(thrown)));
    }
  });
}

// An answer as a stream of chat.completion.chunk events over one connection.

import { toErrorData } from "../../runtime/errors.ts";
import { type ChunkStyle, createChunkWriter } from "./chunks.ts";
import type { HttpResponse } from "./server.ts";
import type { Attached } from "./services/answering.ts";
import { eventStream } from "./sse.ts";

/** Writes frames as they come; a slow client is waited for, a gone one leaves the run to itself. */
export function chunkStream(answering: Attached, style: ChunkStyle): HttpResponse {
  const writer = createChunkWriter(style);
  return eventStream(async ({ send, signal }) => {
    try {
      for await (const frames of answering.frames) {
        await send(writer.take(frames));
        if (signal.aborted || writer.isDone()) return;
      }
    } catch (error) {
      if (!signal.aborted) await send(writer.fail(toErrorData(error)));
    }
  });
}

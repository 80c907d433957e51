// A run as the events of a protocol over one connection: what an earlier one has shown is read again and
// not written again.

import { type ErrorData, toErrorData } from "../../../runtime/errors.ts";
import type { HttpResponse } from "../server.ts";
import type { Services } from "../services/services.ts";
import { eventStream, type SseEvent } from "../sse.ts";
import { type Reading, type Shown, shownOf } from "./shown.ts";

/** Writes what is shown of one run as events of a protocol. */
export interface Writer {
  /** The first events of a connection. */
  begin(): readonly object[];
  /** Where an earlier connection ended. */
  cut(): void;
  take(shown: Shown): readonly object[];
  /** The end of a connection whose run could not be followed. */
  fail(error: ErrorData): readonly object[];
}

/** What a protocol adds. */
export interface StreamParts {
  readonly headers?: Readonly<Record<string, string>>;
  /** Events behind the first ones. */
  readonly first?: readonly object[];
  /** Data of an event behind the last one. */
  readonly last?: string;
}

/** The stream. */
export function runStream(
  services: Pick<Services, "approvals">,
  reading: Reading,
  writer: Writer,
  { headers = {}, first = [], last }: StreamParts = {},
): HttpResponse {
  return eventStream(
    async ({ send, signal }) => {
      await send([...writer.begin(), ...first].map(eventOf));
      let isReplay = reading.decided.size > 0;
      try {
        for await (const items of shownOf(services, reading)) {
          const events: object[] = [];
          for (const { shown, isNew } of items) {
            if (isNew && isReplay) writer.cut();
            if (isNew) isReplay = false;
            const written = writer.take(shown);
            if (isNew) events.push(...written);
          }
          await send(events.map(eventOf));
          if (signal.aborted) return;
        }
      } catch (error) {
        if (!signal.aborted) await send(writer.fail(toErrorData(error)).map(eventOf));
      }
      if (last !== undefined && !signal.aborted) await send([{ data: last }]);
    },
    { headers },
  );
}

function eventOf(event: object): SseEvent {
  return { data: JSON.stringify(event) };
}

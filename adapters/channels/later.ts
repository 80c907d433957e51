// Channels where nothing of them is loaded before somebody asks: on an engine, and on main.

import type { Channels } from "../../actors/channels/port.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { HostLine } from "../../runtime/threads/host.ts";
import type { ServedCalls } from "../line-calls.ts";

/** An engine's port. Undefined: there is no main thread to ask, as in a replay. */
export function laterChannels(line: HostLine | undefined): Channels {
  let port: Promise<Channels> | undefined;
  const made = async (): Promise<Channels> => {
    if (line === undefined) {
      throw new RuntimeError("NOT_FOUND", "There are no channels here: nothing is sent.");
    }
    return (await import("./far.ts")).farChannels(line);
  };
  const ready = (): Promise<Channels> => {
    port ??= made();
    return port;
  };
  return {
    ask: async (...of) => (await ready()).ask(...of),
    stop: async (...of) => (await ready()).stop(...of),
    decide: async (...of) => (await ready()).decide(...of),
    render: async (...of) => (await ready()).render(...of),
    renderPlain: async (...of) => (await ready()).renderPlain(...of),
    template: async (...of) => (await ready()).template(...of),
    send: async (...of) => (await ready()).send(...of),
    reconcile: async (...of) => (await ready()).reconcile(...of),
    fileBytesMax: async (...of) => (await ready()).fileBytesMax(...of),
    // A sign that could not be given is not missed.
    typing: (...of) =>
      void ready().then(
        (one) => one.typing(...of),
        () => undefined,
      ),
  };
}

/** Main's end of an engine's line, over the port that is there when the front door is. @returns what ends it. */
export function serveChannelsLater(line: HostLine, channels: () => Promise<Channels>): () => void {
  let served: Promise<ServedCalls> | undefined;
  const made = async (): Promise<ServedCalls> => {
    const [{ serveCalls }, { servesChannels }] = await Promise.all([
      import("../line-calls.ts"),
      import("./far.ts"),
    ]);
    return serveCalls(line, servesChannels(channels));
  };
  line.receive((message) => {
    served ??= made();
    // In the order in which they came: each waits for the same promise.
    void served.then((calls) => calls.take(message));
  });
  return () => void served?.then((calls) => calls.end());
}

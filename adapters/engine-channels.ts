// Several conversations over one line between a worker and main: each has a name, and hears what is said
// under it.

import type { HostLine } from "../runtime/threads/host.ts";

/** A message with the name of its channel. */
interface Named {
  readonly channel: string;
  readonly message: unknown;
}

/** The channels of a line, by name: what comes under a name that nobody takes is dropped. */
export function channelsOf(line: HostLine): (channel: string) => HostLine {
  const takers = new Map<string, (message: unknown) => void>();
  line.receive((told) => {
    const { channel, message } = told as Named;
    takers.get(channel)?.(message);
  });
  return (channel) => ({
    send: (message) => line.send({ channel, message } satisfies Named),
    receive: (take) => void takers.set(channel, take),
  });
}

/** Names that are used. */
export const channels = {
  answers: "answers",
  purse: "purse",
  gateway: "gateway",
  launches: "launches",
  schedules: "schedules",
  ended: "ended",
  scripts: "scripts",
  mcp: "mcp",
  works: "works",
  engines: "engines",
} as const;

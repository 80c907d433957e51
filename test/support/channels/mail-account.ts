// An account of the e-mail adapter as tests open it: settings for servers of the loopback, an environment,
// and a sink that keeps what it is given.

import type { ChannelData, Inbound } from "../../../actors/channels/inbound.ts";
import type { ChannelEnvironment, Parked, Sink } from "../../../adapters/channels/adapter.ts";
import type { EmailSettings } from "../../../adapters/channels/email/settings.ts";
import type { LogFields } from "../../../runtime/log.ts";
import { PASSWORD } from "./dovecot.ts";

/** Settings of agent@example.test on the loopback. */
export function mailSettings(
  ports: { readonly imap: number; readonly smtp: number },
  more: Partial<EmailSettings> = {},
): EmailSettings {
  return {
    address: "agent@example.test",
    name: "The Agent",
    user: "agent",
    password: PASSWORD,
    ...{ imap_host: "127.0.0.1", imap_port: ports.imap, imap_tls: "none" },
    ...{ smtp_host: "127.0.0.1", smtp_port: ports.smtp, smtp_tls: "none" },
    ...more,
  };
}

/** An environment, and what was logged in it. */
export function mailEnvironment(): ChannelEnvironment & { readonly lines: string[] } {
  const kept = new Map<string, string>();
  const lines: string[] = [];
  return {
    lines,
    account: "ch_mail",
    call: () => Promise.reject(new Error("e-mail calls nothing over HTTP")),
    nowMs: () => Date.now(),
    log: {
      write: (level: string, message: string, fields: LogFields = {}) => {
        lines.push(JSON.stringify({ level, message, ...fields }));
      },
    },
    kept: {
      get: async (name) => kept.get(name) ?? null,
      update: async (name, change) => {
        const value = await change(kept.get(name) ?? null);
        kept.set(name, value);
        return value;
      },
    },
    readFile: async ({ name }) => Buffer.from(`bytes of ${name}`),
    resolveHost: async (host) => host,
  };
}

/** A sink that knows repeats, as the server does. */
export interface KeptSink extends Sink {
  readonly events: Inbound[];
  readonly parked: Parked[];
  readonly statuses: string[];
  stored: ChannelData | null;
  /** Repeats that were dropped. */
  repeats: number;
  /** Thrown instead of storing. */
  failing: Error | null;
}

/** A new one. */
export function keptSink(): KeptSink {
  const seen = new Set<string>();
  const sink: KeptSink = {
    ...{ events: [], parked: [], statuses: [], stored: null, repeats: 0, failing: null },
    cursor: async () => sink.stored,
    commit: async (events, cursor, parked = []) => {
      if (sink.failing !== null) throw sink.failing;
      for (const event of events) {
        const isRepeat = event.dedupe.some((key) => seen.has(key));
        for (const key of event.dedupe) seen.add(key);
        if (isRepeat) sink.repeats += 1;
        else sink.events.push(event);
      }
      sink.parked.push(...parked);
      sink.stored = cursor;
    },
    status: (state, detail = "") => void sink.statuses.push(`${state} ${detail}`.trim()),
  };
  return sink;
}

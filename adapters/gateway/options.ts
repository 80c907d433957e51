// What a gateway is made of: who answers, a local agent or one of a Troupe server, and the channels it is
// reached by. The same for a program that embeds one and for a gateway.yaml.

import type { EntryFields } from "../channels/entry.ts";

/** An agent that this process runs itself, with a server of its own inside. */
export interface LocalAgent {
  readonly name: string;
  readonly description?: string | undefined;
  /** Whose model it asks. Default: the built-in answerer, which needs no key. */
  readonly provider?: "openai" | "anthropic" | undefined;
  /** Default: the provider's own variable (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`). */
  readonly apiKey?: string | undefined;
  /** Default: the vendor's address. */
  readonly baseUrl?: string | undefined;
  readonly model?: string | undefined;
  readonly systemPrompt?: string | undefined;
  /** Folder of what is stored. Default `.troupe/data` below the working folder. */
  readonly data?: string | undefined;
  /** Further fields of the agent's record, as `/v2/agents` takes them. */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

/** An agent of a Troupe server; several gateways that name one server share sessions, repeats and outbox. */
export interface RemoteAgent {
  readonly server: {
    readonly url: string;
    /** A key that may write channels. */
    readonly key: string;
    /** With a server's admin key: whose. Default: the key's own. */
    readonly tenant?: string | undefined;
  };
  /** Id or name of an agent, team or workflow. */
  readonly agent: string;
}

/** Who answers. */
export type GatewayAgent = LocalAgent | RemoteAgent;

/** A channel: `fields` as a gateway.yaml has them. */
export interface GatewayChannel {
  readonly kind: string;
  /** Part of its address, `/gateway/<name>`. Default: its kind. */
  readonly name?: string | undefined;
  readonly fields: EntryFields;
}

/** What holds for all channels. */
export interface GatewaySettings {
  /**
   * The same for all gateways that have the same channels: those that it has made are switched off when none names
   * them any more. Default: the working folder's name and the agent's.
   */
  readonly name?: string | undefined;
  /** Seconds without a message after which a session begins anew. Default 86,400. */
  readonly sessionTtl?: number | undefined;
  /** Where platforms reach this gateway, e.g. https://bot.example.com. */
  readonly publicUrl?: string | undefined;
  /** File with middleware of one's own; local agents only. */
  readonly middleware?: string | undefined;
  /** Hosts of private networks that channels may reach; local agents only. */
  readonly hosts?: readonly string[] | undefined;
  /** Told what an operator should know. Default: standard error, warnings and errors. */
  readonly log?: ((level: "info" | "warn" | "error", message: string) => void) | undefined;
}

/** Limits of a gateway, by name and unit. */
export const gatewayLimits = {
  /** Largest body of a platform, bytes: beyond what any channel takes. */
  bodyBytes: 26 * 1_024 * 1_024,
  /** Of each body that is on its way in, whatever the others have; beyond that all share, bytes. */
  ownBodyBytes: 64 * 1_024,
  sharedBodyBytes: 128 * 1_024 * 1_024,
  /** Requests that are passed on at once; one more is told to come again. */
  requests: 2_000,
  /** Head of a request, ms; its body after that. */
  headMs: 10_000,
  bodyMs: 30_000,
  /** Whether any request is over its time is looked at so often, ms; node's own is half a minute. */
  lookMs: 1_000,
  /** The server's answer, ms: a chat in a page waits for 25 s. */
  answerMs: 60_000,
  answerBytes: 4 * 1_024 * 1_024,
  channels: 200,
  /** A gateway.yaml, bytes. */
  fileBytes: 256 * 1_024,
} as const;

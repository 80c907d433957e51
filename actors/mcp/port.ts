// Servers of the Model Context Protocol, as tools have them: a port. One that is asked over HTTP is named by its
// address; one that is a child process is the operator's, and a tenant knows its name and no more. Types and limits.

import type { DomainLists } from "../records/constraints.ts";

/** Limits of servers and of what they say. */
export const mcpLimits = {
  /** Tools of one record, and characters of the name that a server has for one. */
  tools: 32,
  toolNameChars: 128,
  /** Characters of the description of one tool, and of one within its schema. */
  descriptionChars: 2_000,
  partChars: 1_000,
  /** Characters of a schema, and of all that is told of the tools of one record. */
  schemaChars: 16 * 1_024,
  definitionsChars: 96 * 1_024,
  /** A server says what it has within this, ms. */
  listMs: 15_000,
  /** What it has said stands for so long, ms, unless it says that it has changed. */
  listedMs: 30_000,
  /** Pages of its list; tools of all of them, and characters. */
  listPages: 32,
  listTools: 2_000,
  listChars: 2 * 1_024 * 1_024,
  /** Levels of a result. */
  resultDepth: 64,
} as const;

/** Which server, and whose request it is. */
export interface McpServer {
  readonly tenant: string;
  /** Of one that is asked over HTTP. */
  readonly url?: string;
  /** Sent with every request there. Values may be sealed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Id of the token that requests have (`tk_`): it is put in where they are made. */
  readonly auth?: string;
  /** Lists of hosts that it has to be among, where it is asked over HTTP. Default: any. */
  readonly domains?: DomainLists;
  /** Name of one of the operator's processes. */
  readonly server?: string;
}

/** What a server says of one of its tools, as it says it. */
export interface McpSaid {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  /** Why it cannot be told on; then `schema` is empty. */
  readonly fault?: string;
}

/** Asks what a server has. */
export interface McpList extends McpServer {
  /** The server's names of those that are wanted. */
  readonly tools: readonly string[];
}

/** One call. */
export interface McpCall extends McpServer {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Of what the model was told of the tool: it is not called when the server says something else by now. */
  readonly hash?: string;
  readonly timeoutMs: number;
}

/** What came of a call. */
export type McpAnswer =
  | { readonly status: "answered"; readonly result: unknown }
  /** The tool says that it failed. */
  | { readonly status: "failed"; readonly text: string }
  /** Nothing was done: the server does not take the token, or wants one. */
  | { readonly status: "unauthorized" }
  /** Nothing was done: the server says something else of the tool than it did. */
  | { readonly status: "changed"; readonly hash: string }
  /** Nothing was done: the server has no such tool. */
  | { readonly status: "missing" };

/**
 * The port. @throws RuntimeError NOT_FOUND (no such server for this tenant), EGRESS_REFUSED, AUTH_REQUIRED (the token
 * is not fit to be sent), PROVIDER_UNAVAILABLE, PROVIDER_LIMITED, PROVIDER_FAILED, POOL_FULL, DEADLINE, CANCELLED.
 */
export interface McpServers {
  /** What it says of those of the tools that it has. */
  list(of: McpList, signal?: AbortSignal): Promise<readonly McpSaid[]>;
  call(of: McpCall, signal?: AbortSignal): Promise<McpAnswer>;
}

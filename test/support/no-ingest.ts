// Ports of tests that use none of them.

import type { Channels } from "../../actors/channels/port.ts";
import type { Credentials } from "../../actors/credentials/port.ts";
import type { Files } from "../../actors/files.ts";
import type { Ingest, Reembed } from "../../actors/ingestion/port.ts";
import type { McpServers } from "../../actors/mcp/port.ts";
import type { Removals } from "../../actors/ports.ts";
import type { Launches } from "../../actors/triggers/port.ts";
import type { Web } from "../../actors/web.ts";
import type { Webhooks } from "../../actors/webhooks.ts";

const refuse = (): Promise<never> => Promise.reject(new Error("Nothing is taken in here."));

/** Refuses every call. */
export const noIngest: Ingest = {
  prepare: refuse,
  embed: refuse,
  publish: refuse,
  visible: refuse,
  clear: refuse,
};

/** Refuses every call. */
export const noReembed: Reembed = { begin: refuse, build: refuse, catchUp: refuse, clear: refuse };

/** Refuses every call. */
export const noCredentials: Credentials = { operators: { get: () => undefined }, renew: refuse };

/** Refuses every call. */
export const noWebhooks: Webhooks = { deliver: refuse };

/** Refuses every call. */
export const noRemovals: Removals = {
  ...{ jobsOf: refuse, collection: refuse, agent: refuse, rowsOf: refuse, channelRows: refuse },
};

/** Refuses every call. */
export const noWeb: Web = { request: refuse, secrets: refuse };

/** Refuses every call. */
export const noFiles: Files = {
  ...{ look: refuse, state: refuse, read: refuse, write: refuse, search: refuse, analyze: refuse },
};

/** Refuses every call. */
export const noMcp: McpServers = { list: refuse, call: refuse };

/** Refuses every call. */
export const noLaunches: Launches = { launch: refuse, cancel: refuse };

/** Refuses every call. */
export const noChannels: Channels = {
  ...{ ask: refuse, stop: refuse, decide: refuse, render: refuse, renderPlain: refuse },
  ...{
    template: refuse,
    send: refuse,
    reconcile: refuse,
    reach: refuse,
    fileBytesMax: refuse,
    typing: () => undefined,
    ended: () => undefined,
  },
};

// The channels of the configuration: who answers is there, and their platforms take their secrets. Asked
// through the running server, which has what they keep; from here when none runs. Secrets are never shown.

import { RuntimeError } from "../../runtime/errors.ts";
import { ENTRY_TENANT } from "../channels/entries.ts";
import type { EntryFields } from "../channels/entry.ts";
import type { Found } from "../channels/look.ts";
import type { Config } from "../config.ts";
import { type Ask, type Check, error, type Finding, ok, warning, wordsOf } from "./check.ts";

/** Any id: without a server nobody knows who answers. */
const someAgent = "ag_0";

interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly tenant: string;
  readonly fields: EntryFields;
}

/** The check. */
export const channelsCheck: Check = {
  name: "channels",
  run: async ({ config, ask }) => {
    const entries = config === null ? [] : entriesOf(config);
    if (config === null || entries.length === 0) return [];
    const look = ask === null ? await lookFromHere(config) : await lookThroughServer(ask);
    const found = await Promise.all(
      entries.map(async (entry) => {
        try {
          return (await look.at(entry)).map((one) => shown(entry.name, one));
        } catch (thrown) {
          const text = `${entry.name}: ${wordsOf(thrown)}`;
          return [error(text, `Correct channels.${entry.name} in troupe.yaml.`)];
        }
      }),
    );
    look.end();
    return found.flat();
  },
};

function entriesOf({ channels }: Config): readonly Entry[] {
  return Object.entries(channels).map(([name, { kind, tenant, ...fields }]) => ({
    ...{ name, fields },
    kind: typeof kind === "string" ? kind : name,
    tenant: typeof tenant === "string" ? tenant : ENTRY_TENANT,
  }));
}

interface Look {
  at(entry: Entry): Promise<readonly Found[]>;
  end(): void;
}

async function lookThroughServer(ask: Ask): Promise<Look> {
  const { lookThrough } = await import("../channels/look-through.ts");
  return {
    at: async (entry) => {
      const { tenant, fields } = entry;
      const call = (path: string, body?: unknown): Promise<unknown> => ask(path, { body, tenant });
      const found = await lookThrough({ call }, { ...entry, agent: String(fields["agent"]) });
      return [...found, ...(await asItIsThere(call, entry.name))];
    },
    end: () => undefined,
  };
}

/** What the server says of the channel that it has made of it. */
/** It works as it is, and may be meant so: a server that waits to take over. */
const SHARED = "End the other server's channel, or leave it as the one that takes over.";

async function asItIsThere(
  call: (path: string) => Promise<unknown>,
  name: string,
): Promise<readonly Found[]> {
  const query = new URLSearchParams({ name, limit: "1" });
  try {
    const { data } = (await call(`/v2/channels?${query}`)) as {
      readonly data: readonly { readonly id: string }[];
    };
    const [channel] = data;
    if (channel === undefined) {
      const text = "The server has not made it yet.";
      return [{ ok: false, text, help: "Its log says why; SIGHUP has it look again." }];
    }
    const { state, last_error, notice } = (await call(`/v2/channels/${channel.id}/status`)) as {
      readonly state: string;
      readonly last_error: { readonly message: string } | null;
      readonly notice?: string | null;
    };
    if (state !== "failed") {
      return notice == null ? [] : [{ ok: true, text: notice, help: SHARED }];
    }
    const text = `It could not be opened: ${last_error?.message ?? "see the log"}`;
    return [{ ok: false, text, help: "Correct what the sentence names." }];
  } catch (thrown) {
    if (!(thrown instanceof RuntimeError)) throw thrown;
    return [{ ok: false, text: thrown.message, help: "Name the admin key: --key." }];
  }
}

async function lookFromHere({ gateway: { hosts, middleware } }: Config): Promise<Look> {
  const [{ lookAtRecord }, { openOutside }, { recordOf }] = await Promise.all([
    import("../channels/look.ts"),
    import("../channels/outside.ts"),
    import("../channels/look-through.ts"),
  ]);
  const outside = openOutside({ hosts });
  const parts = { kinds: { middleware }, outside, nowMs: Date.now };
  return {
    at: async (entry) => {
      const of = { tenant: entry.tenant, record: await recordOf(entry, someAgent) };
      return await lookAtRecord(parts, of, new AbortController().signal);
    },
    end: () => outside.egress.close(),
  };
}

function shown(name: string, { ok: isWell, text, help }: Found): Finding {
  const what = `${name}: ${text}`;
  if (!isWell) return error(what, help ?? `Correct channels.${name} in troupe.yaml.`);
  return help === null ? ok(what) : warning(what, help);
}

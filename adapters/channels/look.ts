// Looks at an account from outside: whether its platform takes its secrets, and what is missing there. At one
// that is open, or at one that is only written down: then nothing is kept, and nothing used up that works once.

import type { ChannelInput } from "../../actors/channels/channel.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { silentLog } from "../../runtime/log.ts";
import { inSettings, settingsOf } from "./account.ts";
import type { ChannelInstance, Finding, Kept } from "./adapter.ts";
import { type ChannelKinds, checkChannel, noMailbox } from "./check.ts";
import { environmentOf } from "./environment.ts";
import { type Hide, hiding } from "./hidden-secrets.ts";
import type { Outside } from "./outside.ts";
import { adapterOf } from "./registry.ts";

/** Longest look at one account, ms. */
const LOOK_MS = 15_000;

/** What was found, as it is shown. */
export interface Found {
  readonly ok: boolean;
  readonly text: string;
  /** What to do; null: nothing. */
  readonly help: string | null;
}

/** What a look at a record works with. */
export interface LookParts {
  readonly kinds: ChannelKinds;
  readonly outside: Outside;
  /** What the account of this record has kept, where there is one. Default: nothing. */
  readonly kept?: Pick<Kept, "get"> | undefined;
  nowMs(): number;
}

/** Looks at one that is open. */
export async function lookAt(
  { instance, hide }: { readonly instance: ChannelInstance; readonly hide: Hide },
  left: AbortSignal,
): Promise<readonly Found[]> {
  const signal = AbortSignal.any([left, AbortSignal.timeout(LOOK_MS)]);
  try {
    return (await instance.probe(signal)).map((one) => shown(one, hide));
  } catch (error) {
    const why = error instanceof RuntimeError ? hide(error.message) : "The look failed.";
    return [shown({ ok: false, text: why }, hide)];
  }
}

/** Looks at one that need not be stored. @throws INVALID with the pointer of what is wrong in the record. */
export async function lookAtRecord(
  { kinds, outside, kept, nowMs }: LookParts,
  { tenant, record }: { readonly tenant: string; readonly record: ChannelInput },
  left: AbortSignal,
): Promise<readonly Found[]> {
  await checkChannel(record, kinds);
  const adapter = await adapterOf(record.kind, kinds.registry);
  const settings = await settingsOf(adapter, record);
  const hide = hiding(Object.values(record.secrets ?? {}));
  const get = kept?.get ?? (async () => null);
  const environment = {
    ...environmentOf(
      { tenant, id: "" },
      {
        ...{ ...outside, log: silentLog, hide, nowMs, mailbox: noMailbox },
        kept: { get, update: async (name, change) => await change(await get(name)) },
        readFile: () => Promise.reject(new Error("It is only looked at.")),
      },
    ),
    looksOnly: true as const,
  };
  let instance: ChannelInstance;
  try {
    // Its settings were just checked against the adapter's own schema.
    instance = adapter.create(settings as never, environment);
  } catch (error) {
    throw inSettings(error, adapter);
  }
  try {
    return await lookAt({ instance, hide }, left);
  } finally {
    await instance.close().catch(() => undefined);
  }
}

function shown({ ok, text, help }: Finding, hide: Hide): Found {
  const todo =
    help ?? (ok ? null : "Compare its settings with what the platform's own page shows.");
  return { ok, text: hide(text), help: todo === null ? null : hide(todo) };
}

// Whether a channel's record could be opened: looked at before it is stored.

import type { ChannelInput } from "../../actors/channels/channel.ts";
import { silentLog } from "../../runtime/log.ts";
import { inSettings, settingsOf } from "./account.ts";
import type { ChannelEnvironment } from "./adapter.ts";
import type { Mailbox } from "./mailbox.ts";
import { hoursOf } from "./middleware/hours.ts";
import { loadOwn, ownChain } from "./middleware/own.ts";
import { adapterOf, type Registry } from "./registry.ts";

/** What a record may name. */
export interface ChannelKinds {
  readonly registry?: Registry | undefined;
  /** File of the operator's own middleware. */
  readonly middleware: string | null;
}

const theServers: ChannelKinds = { middleware: null };

/** @throws INVALID with the pointer of what is wrong. */
export async function checkChannel(
  input: ChannelInput,
  { registry, middleware }: ChannelKinds = theServers,
): Promise<void> {
  const adapter = await adapterOf(input.kind, registry);
  if (input.middleware !== undefined) ownChain(await loadOwn(middleware), input.middleware);
  const settings = await settingsOf(adapter, input);
  if (input.business_hours !== undefined) hoursOf(input.business_hours);
  try {
    // Opening connects nowhere: it reads settings, and is closed again.
    await adapter.create(settings as never, nowhere).close();
  } catch (error) {
    throw inSettings(error, adapter);
  }
}

const looked = (): Promise<never> => Promise.reject(new Error("It is only looked at."));

/** Mailboxes of one that is only looked at. */
export const noMailbox: Mailbox = {
  ...{ append: looked, replace: looked, read: looked, wait: looked },
  wake: () => undefined,
};

/** Of an account that is only looked at. */
const nowhere: ChannelEnvironment = {
  account: "",
  call: async () => ({ reached: false, mayHaveArrived: false, reason: "It is only looked at." }),
  nowMs: Date.now,
  log: silentLog,
  kept: { get: async () => null, update: async (_name, change) => await change(null) },
  readFile: looked,
  mailbox: noMailbox,
};

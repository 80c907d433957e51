// Tables of channels. Everything of an account begins with its id and a dot.
//
//   channels          ch           its record, channels-versions   ch.n   the same as it was, channels-histories   ch
//   channel-aliases   ch.of.hash   another id of a user or a conversation -> the one the session knows
//   channel-people    ch.hash      a sender -> the person that is on several channels
//   channel-link-codes   ch.hash   a sender's code that links, hashed, and how many wrong ones were said
//   channel-cursors   ch           where a source goes on
//   channel-parked    ch.time.n    what could not be understood, to be looked at
//   channel-kept      ch.name      secrets that change while the account runs: sealed
//
// In the system's tenant:
//   channels-configured   ch   ConfiguredMark: the server's configuration says what this channel is

/** Their names. Without an import: every thread that seals secrets loads them. */
export const channelTables = {
  records: "channels",
  versions: "channels-versions",
  histories: "channels-histories",
  aliases: "channel-aliases",
  people: "channel-people",
  linkCodes: "channel-link-codes",
  cursors: "channel-cursors",
  parked: "channel-parked",
  kept: "channel-kept",
  configured: "channels-configured",
} as const;

/** Of which tenant a channel of the configuration is, and its name there. */
export type ConfiguredMark = { readonly tenant: string; readonly name: string };

/** Service of whoever makes records of the configuration's channels: no key has it. */
export const CONFIGURED_BY = "configuration";

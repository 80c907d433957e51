// What is said when a channel is removed: to the removal actor, and to sessions and lanes. Plain data, without
// an import: a start loads it.

/** A channel that is removed, and how often it was looked at. */
export interface RemovedChannel {
  readonly type: "channel";
  readonly id: string;
  readonly round?: number;
}

/** Said to a session or a lane: the channel is gone, and what they keep of it goes. */
export interface ChannelRemoved {
  readonly type: "channel-removed";
  readonly channel: string;
}

/** Said to the removal actor by a run: whom it is to tell. */
export interface TellRemoved {
  readonly type: "tell-removed";
  readonly channel: string;
  readonly sessions: readonly string[];
  readonly lanes: readonly string[];
}

/** Said to the removal actor, once: what had not been sent. It is in the audit. */
export interface ChannelGone {
  readonly type: "channel-gone";
  readonly channel: string;
  readonly unsent: number;
  readonly first: readonly string[];
}

/** A row that no actor keeps, and the counter that counts it. */
export interface LeftRow {
  readonly table: string;
  readonly id: string;
  readonly counter?: string;
}

/** Why something was not sent. */
export const REMOVED_REASON = "The channel was removed before it was sent.";

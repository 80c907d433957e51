// A message told in memory, where it needs an object of its own: when its wait is measured, when its
// turn has failed, when its mailbox is emptied. Most are only a message and a sender in two slots of
// a mailbox.

import type { Data } from "../actor.ts";
import type { Address } from "../address.ts";

/** A told message as an item of mail. */
export class Tell {
  readonly message: Data;
  readonly from: Address | null;
  /** When it came, in the kernel's own milliseconds (pace.ts); -1 when nobody measured it. */
  readonly tick: number;
  failures = 0;
  isTold = false;

  constructor(message: Data, from: Address | null, tick = -1) {
    this.message = message;
    this.from = from;
    this.tick = tick;
  }

  get lane(): "user" {
    return "user";
  }

  get deadlineMs(): number {
    return 0;
  }
}

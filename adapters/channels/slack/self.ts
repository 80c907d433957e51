// Who we are at Slack: by that the bot knows that it is named, and its own echo. What no setting says is
// learned from the events' own words and from what was sent.

import { type Fields, listIn, memberOf, textIn } from "../sent-json.ts";
import { idIn } from "./fields.ts";

/** Ids of one kind that are kept: an account has one, and few more after a new installation. */
const IDS_MAX = 20;

/** Ids by which we are known. */
export class SlackSelf {
  readonly #users = new Set<string>();
  readonly #bots = new Set<string>();

  /** @param user id of the bot's user, where a setting names it. */
  constructor(user: string | undefined) {
    if (user !== undefined) this.#users.add(user);
  }

  /** Takes in what Slack says of us: the answer to auth.test, or a message that we have posted. */
  learn(user: string | null, bot: string | null): void {
    if (user !== null && this.#users.size < IDS_MAX) this.#users.add(user);
    if (bot !== null && this.#bots.size < IDS_MAX) this.#bots.add(bot);
  }

  /** User ids that mean us in an event: those known, and whom the event says it is for. */
  usersIn(envelope: Fields): ReadonlySet<string> {
    const named = listIn(envelope, "authorizations")
      .filter((one) => memberOf(one, "is_bot") === true)
      .flatMap((one) => idIn(one, "user_id") ?? []);
    return named.length === 0 ? this.#users : new Set([...this.#users, ...named]);
  }

  /** Whether we have said a message ourselves. */
  wrote(message: Fields, envelope: Fields): boolean {
    const app = textIn(message, "app_id");
    if (app !== null && app === textIn(envelope, "api_app_id")) return true;
    const user = idIn(message, "user");
    if (user !== null && this.usersIn(envelope).has(user)) return true;
    const bot = idIn(message, "bot_id");
    return bot !== null && this.#bots.has(bot);
  }
}

// Who we are at Discord: by that the bot knows that it is named, and its own echo. The bot's token begins with
// its id; the Gateway says it as well.

/** The bot itself. */
export class DiscordSelf {
  #id: string | null;

  constructor(botToken: string) {
    const [first = ""] = botToken.split(".", 1);
    const id = Buffer.from(first, "base64url").toString("latin1");
    this.#id = /^\d{15,20}$/.test(id) ? id : null;
  }

  /** Its user's id; null: not known yet. */
  get id(): string | null {
    return this.#id;
  }

  /** Takes in what Discord says of us. */
  learn(id: string | null): void {
    if (id !== null) this.#id = id;
  }
}

// The address that Slack gives along with a command or a press (`response_url`): whoever has it may answer there
// 5 times in 30 minutes, also where the bot is no member (docs.slack.dev/interactivity/handling-user-interaction).
// It is a secret: sealed in the address of the answer, opened when it is used, and never said.

import type { ChannelData, Inbound } from "../../../actors/channels/inbound.ts";
import type { Part, SendResult } from "../../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment, SendOptions } from "../adapter.ts";
import { failedSend, jsonIn } from "../platform-answer.ts";
import type { SealedTexts } from "../sealed-text.ts";
import { type Fields, fieldsOf, memberOf, textIn } from "../sent-json.ts";
import { isReplyAddress } from "./hosts.ts";
import { slackLimits } from "./limits.ts";

/** What replies are sent with. */
export interface ReplyParts {
  readonly apiUrl: string;
  readonly sealed: SealedTexts;
  readonly environment: Pick<ChannelEnvironment, "call" | "nowMs">;
}

/** Of one account. */
export class Replies {
  readonly #parts: ReplyParts;
  /** Answers by sealed address, the oldest first. In memory alone: Slack counts them too. */
  readonly #uses = new Map<string, number>();

  constructor(parts: ReplyParts) {
    this.#parts = parts;
  }

  /** The events of a form, with the address that came along. */
  async keep<Event extends Inbound>(events: readonly Event[], form: Fields): Promise<Event[]> {
    const { apiUrl, sealed, environment } = this.#parts;
    const url = textIn(form, "response_url", slackLimits.replyUrl + 1);
    if (url === null || url.length > slackLimits.replyUrl || !isReplyAddress(url, apiUrl)) {
      return [...events];
    }
    if (events.length === 0) return [];
    try {
      const reply = { sealed: await sealed.seal(url), atMs: environment.nowMs() };
      return events.map((event) => ({ ...event, address: { ...event.address, reply } }));
    } catch (error) {
      // Nothing can be stored now: whether the event can, and what is said then, its commit finds out.
      if (error instanceof RuntimeError) return [...events];
      throw error;
    }
  }

  /** Answers by it, to the one who asked alone; null: none came along. */
  async send(
    part: Part,
    address: ChannelData,
    { key, attempt, signal }: Pick<SendOptions, "key" | "attempt" | "signal">,
  ): Promise<SendResult | null> {
    const { apiUrl, sealed, environment } = this.#parts;
    const reply = fieldsOf(memberOf(address, "reply"));
    const box = textIn(reply, "sealed", 2 * slackLimits.replyUrl);
    const atMs = memberOf(reply, "atMs");
    if (box === null || typeof atMs !== "number") return null;
    const url = await sealed.open(box);
    if (url === null || !isReplyAddress(url, apiUrl)) return null;
    const nowMs = environment.nowMs();
    if (nowMs - atMs > slackLimits.replyMs) return over("30 minutes");
    if ((this.#uses.get(box) ?? 0) >= slackLimits.replies) return over("5 answers");
    this.#count(box, 1);
    const { text, blocks, mrkdwn } = part.body;
    const answer = await environment.call({
      ...{ method: "POST", url, signal },
      headers: { "content-type": "application/json; charset=utf-8" },
      body: JSON.stringify({ response_type: "ephemeral", text, mrkdwn, blocks }),
    });
    const body = answer.reached ? jsonIn(answer.body) : null;
    const isOk = answer.reached && answer.status >= 200 && answer.status < 300;
    // There is no id in what comes back: nothing of it can be changed.
    if (isOk && memberOf(body, "ok") !== false)
      return { ok: true, receipt: { id: `reply:${key}` } };
    if (!answer.reached && !answer.mayHaveArrived) this.#count(box, -1);
    const code = textIn(body, "error", 100) ?? "";
    if (code === "expired_url" || code === "used_url") return over("30 minutes and 5 answers");
    const failed = failedSend(
      answer,
      { platform: "Slack's address of the command", attempt, nowMs, secrets: [url] },
      isOk ? { class: "format" } : {},
    );
    return failed.class === "auth" ? over("30 minutes") : failed;
  }

  #count(box: string, by: number): void {
    const uses = (this.#uses.get(box) ?? 0) + by;
    this.#uses.delete(box);
    this.#uses.set(box, uses);
    for (const oldest of this.#uses.keys()) {
      if (this.#uses.size <= slackLimits.replyAddresses) return;
      this.#uses.delete(oldest);
    }
  }
}

function over(what: string): SendResult {
  const reason = `The bot is no member of the conversation, and the command could be answered for ${what} only: invite the bot.`;
  return { ok: false, class: "gone", reason };
}

// The run of one delivery: its parts go out in order, each at most once that is known of. What the platform
// refuses for now is tried again, after a wait that survives restarts; what may have arrived is asked
// about, and never said again on a guess.

import { defineRun, type RunContext } from "../../runtime/actor.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import { asked, attempt, reasonOf, waitOf } from "./delivery-attempt.ts";
import type { Delivery, DeliveryEnd } from "./delivery-row.ts";
import { channelLimits } from "./limits.ts";
import type { Outgoing, Part, Receipt, SendResult } from "./outgoing.ts";
import type { PartSend } from "./port.ts";

/** Kind of the run. */
export const deliveryKind = "channel-delivery";

type Context = RunContext<Pick<Ports, "channels">>;
type Failed = Extract<SendResult, { ok: false }>;

/** What a platform says that takes a message and refuses it afterwards. */
const closedWindow: Failed = {
  ok: false,
  class: "window",
  reason: "Only a template may be sent to this correspondent now.",
};

/** Where it stands. */
interface Progress {
  readonly receipts: Receipt[];
  attempts: number;
}

/** Kind `channel-delivery`. */
export const deliveryRun = defineRun<Delivery, DeliveryEnd, Pick<Ports, "channels">>({
  kind: deliveryKind,
  run: async (delivery, context) => {
    const progress: Progress = { receipts: [], attempts: 0 };
    const { tenant } = context;
    const { channel, outgoing } = delivery;
    const render = (how: "render" | "renderPlain", said = outgoing, key: string = how) =>
      context.step(key, () => context.ports.channels[how]({ tenant, channel, outgoing: said }), {
        repeat: "safe",
      });
    const end = (status: DeliveryEnd["status"], reason: string | null): DeliveryEnd => {
      const { createdAtMs } = delivery;
      context.ports.channels.ended({ tenant, channel, status, createdAtMs });
      return { status, reason, attempts: progress.attempts, receipts: progress.receipts };
    };
    if (delivery.isTemplate) return await ended(context, delivery, closedWindow, end);
    let parts: readonly Part[] | null = null;
    for (let number = 1; parts === null; number += 1) {
      try {
        parts = await render("render", outgoing, number === 1 ? "render" : `render:${number}`);
      } catch (error) {
        const reason = reasonOf(error);
        // An account that is switched off may be switched on again in time.
        if (!(error as RuntimeError).retryable) return end("failed", reason);
        const waitMs = Math.min(channelLimits.retryMaxMs, channelLimits.retryMinMs * 2 ** number);
        const now = await context.now(`now:render:${number}`);
        if (now + waitMs > delivery.deliverByMs) return end("expired", reason);
        await context.sleep(`wait:render:${number}`, waitMs);
      }
    }
    const shown = await previewOf(context, delivery, parts);
    let isPlain = false;
    for (let at = delivery.arrived ?? 0; at < parts.length; at += 1) {
      const part = parts[at] as Part;
      const edits = progress.receipts.length === 0 ? shown : undefined;
      const name = isPlain ? `p${at}` : `${at}`;
      const failed = await sendPart(context, delivery, { part, edits, name, progress });
      if (failed === null) continue;
      if (failed.class !== "format" || isPlain || part.plain === "") {
        return await ended(context, delivery, failed, end);
      }
      // The rest once more in plain words; what has arrived stays.
      isPlain = true;
      parts =
        at === 0 ? await render("renderPlain") : await restPlain(parts.slice(at), outgoing, render);
      at = -1;
    }
    return end("sent", null);
  },
});

/** Parts without marks: what is no text stays, and the buttons stand under the last text. */
async function restPlain(
  parts: readonly Part[],
  { buttons }: Outgoing,
  render: (how: "renderPlain", said: Outgoing, key: string) => Promise<readonly Part[]>,
): Promise<readonly Part[]> {
  const last = parts.findLastIndex(({ plain }) => plain !== "");
  const made = parts.map(async (part, at) => {
    if (part.plain === "") return [part];
    const said: Outgoing = { text: part.plain, ...(at === last && buttons && { buttons }) };
    return await render("renderPlain", said, `plain:${at}`);
  });
  return (await Promise.all(made)).flat();
}

/** The message whose place is taken; a preview whose receipt was lost is looked for. */
async function previewOf(
  context: Context,
  { preview, channel, address, outgoing, arrived = 0 }: Delivery,
  [part]: readonly Part[],
): Promise<Receipt | undefined> {
  if (arrived > 0) return undefined;
  if (outgoing.replaces !== undefined || preview === undefined || part === undefined)
    return outgoing.replaces;
  const send: PartSend = {
    tenant: context.tenant,
    channel,
    part,
    address,
    key: preview,
    attempt: 1,
  };
  const found = await asked(context, "preview", send);
  return found.state === "sent" ? found.receipt : undefined;
}

async function ended(
  context: Context,
  { channel, address }: Delivery,
  failed: Failed,
  end: (status: DeliveryEnd["status"], reason: string | null) => DeliveryEnd,
): Promise<DeliveryEnd> {
  switch (failed.class) {
    case "late":
      return end("expired", `It could not be sent in time: ${failed.reason}`.slice(0, 300));
    case "unknown":
      return end("unknown", failed.reason);
    case "window": {
      const { tenant } = context;
      const template = await context.step(
        "template",
        () => context.ports.channels.template({ tenant, channel, address }),
        { repeat: "safe" },
      );
      if (template !== null) {
        // Whether it arrives or not: the answer waits for the correspondent's next message.
        const send = {
          tenant,
          channel,
          part: template,
          address,
          key: `${context.id}.t`,
          attempt: 1,
        };
        await attempt(context, "template-sent", send);
      }
      return end("needs_template", failed.reason);
    }
    default:
      return end("failed", failed.reason);
  }
}

interface Sending {
  readonly part: Part;
  readonly name: string;
  readonly edits: Receipt | undefined;
  readonly progress: Progress;
}

/** Null: it has arrived. */
async function sendPart(
  context: Context,
  delivery: Delivery,
  { part, name, edits, progress }: Sending,
): Promise<Failed | null> {
  const { id, channel, address, conversation, deliverByMs } = delivery;
  const { tenant } = context;
  const key = `${id}.${name}`;
  for (let number = 1; ; number += 1) {
    const send: PartSend = {
      ...{ tenant, channel, part, address, key, attempt: number, sinceMs: delivery.createdAtMs },
      ...(conversation !== undefined && { conversation }),
      ...(edits !== undefined && { edits }),
    };
    const result = await attempt(context, `send:${name}:${number}`, send, deliverByMs);
    if (result.ok) {
      progress.receipts.push(result.receipt);
      return null;
    }
    if (result.class !== "retry" && result.class !== "rate" && result.class !== "auth")
      return result;
    // Being told to wait is no failure; there is an end to both.
    if (result.class !== "rate") progress.attempts += 1;
    if (progress.attempts >= channelLimits.attempts || number >= 5 * channelLimits.attempts)
      return result;
    const waitMs = waitOf(result, number);
    const now = await context.now(`now:${name}:${number}`);
    if (now + waitMs > deliverByMs) return { ...result, class: "late" };
    await context.sleep(`wait:${name}:${number}`, waitMs);
  }
}

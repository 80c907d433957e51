// The token that comes with a command or a press: whoever has it may answer there for 15 minutes. It is a secret:
// sealed in the address of the answer, which is stored, and opened when it is used.

import type { ChannelData, Inbound } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { SealedTexts } from "../sealed-text.ts";
import { fieldsOf, memberOf } from "../sent-json.ts";
import { addressOf } from "./place.ts";

/** The event with the token of its address sealed. */
export async function withSealedToken<Event extends Inbound>(
  event: Event,
  sealed: SealedTexts,
): Promise<Event> {
  const interaction = addressOf(event.address)?.interaction ?? null;
  if (interaction === null) return event;
  const { interaction: _, ...plain } = event.address;
  try {
    const token = await sealed.seal(interaction.token);
    return {
      ...event,
      address: { ...plain, interaction: { ...interaction, token, isSealed: true } },
    };
  } catch (error) {
    // Nothing can be stored now: whether the event can, and what is said then, its commit finds out.
    if (error instanceof RuntimeError) return { ...event, address: plain };
    throw error;
  }
}

/** An address as it is used. Where its token cannot be opened the bot says it in the channel. */
export async function withOpenToken(
  address: ChannelData,
  sealed: SealedTexts,
): Promise<ChannelData> {
  const interaction = fieldsOf(memberOf(address, "interaction"));
  if (memberOf(interaction, "isSealed") !== true) return address;
  const { interaction: _, ...plain } = address;
  const token = await sealed.open(String(memberOf(interaction, "token")));
  return token === null ? plain : { ...plain, interaction: { ...interaction, token } };
}

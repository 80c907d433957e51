// Whose addresses are Discord's: files come from nowhere else, and the bot's token is told to no other house.

import { isMeantFor } from "../../egress-address.ts";

const files = ["cdn.discordapp.com", "media.discordapp.net"];
const gateways = ["gateway.discord.gg", "*.discord.gg"];

/** Whether a file's address is Discord's own, or where the account's API is configured to be. */
export function isFileAddress(text: string, apiUrl: string): boolean {
  return isOf(text, files, apiUrl);
}

/** The same for a Gateway's: `ws:` and `wss:`. */
export function isGatewayAddress(text: string, apiUrl: string): boolean {
  return /^wss?:/i.test(text) && isOf(text.replace(/^ws/i, "http"), gateways, apiUrl);
}

function isOf(text: string, hosts: readonly string[], apiUrl: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return false;
  if (url.origin === new URL(apiUrl).origin) return true;
  return url.protocol === "https:" && isMeantFor(url, hosts, "default");
}

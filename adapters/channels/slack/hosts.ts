// Whose addresses are Slack's: our token goes nowhere else.

import { isMeantFor } from "../../egress-address.ts";

/** Of slack.com and of its house for authorities. */
const hosts = ["slack.com", "*.slack.com", "slack-gov.com", "*.slack-gov.com"];

/** Where commands and presses are answered. */
const replyHosts = ["hooks.slack.com", "hooks.slack-gov.com"];

/** Whether an address is one that Slack answers commands at, or where the account's Web API is configured to be. */
export function isReplyAddress(text: string, apiUrl: string): boolean {
  return isAt(text, apiUrl, replyHosts);
}

/** Whether an address is Slack's own, or where the account's Web API is configured to be. */
export function isSlackAddress(text: string, apiUrl: string): boolean {
  return isAt(text, apiUrl, hosts);
}

function isAt(text: string, apiUrl: string, allowed: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return false;
  if (url.origin === new URL(apiUrl).origin) return true;
  return url.protocol === "https:" && isMeantFor(url, allowed, "default");
}

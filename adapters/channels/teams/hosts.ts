// Whose addresses are Microsoft's: the bot's token goes nowhere else, and files come from nowhere else.

import { isMeantFor } from "../../egress-address.ts";

const service = [
  "smba.trafficmanager.net",
  "*.botframework.com",
  "*.botframework.us",
  "smba.infra.gcc.teams.microsoft.com",
  "smba.infra.gov.teams.microsoft.us",
  "smba.infra.dod.teams.microsoft.us",
];
const files = ["*.sharepoint.com", "*.sharepoint.us", "*.sharepoint-mil.us"];

/** Whether messages may be sent there. @param more hosts that the account names: http as well. */
export function isServiceAddress(text: string, more: readonly string[] = []): boolean {
  return isOf(text, service, more);
}

/** Whether files may be fetched from there. */
export function isFileAddress(text: string, more: readonly string[] = []): boolean {
  return isOf(text, files, more);
}

function isOf(text: string, hosts: readonly string[], more: readonly string[]): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return false;
  if (isMeantFor(url, more, "default")) return true;
  return url.protocol === "https:" && isMeantFor(url, hosts, "default");
}

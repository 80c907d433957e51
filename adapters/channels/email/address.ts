// Mail addresses as identities. Two spellings are one person only where every mail server agrees: letters'
// case, and a domain's own forms. Dots and +tags are other addresses, and characters that merely look
// alike are other characters.

import { domainToASCII } from "node:url";
import { emailLimits } from "./limits.ts";

const LOCAL_CHARS = 64;
const ADDRESS_CHARS = 254;
// Of an address that is written between angle brackets or spaces; quoted local parts are refused.
const ADDRESS = /^([^\s@<>()[\]\\,;:"]+)@([^\s@<>()[\]\\,;:"]+)$/u;

/** The id of an address, "alice@example.com"; null: it is none. */
export function addressId(address: string): string | null {
  const [, local, domain] = ADDRESS.exec(address.trim()) ?? [];
  if (local === undefined || domain === undefined || local.length > LOCAL_CHARS) return null;
  const host = domainToASCII(domain.replace(/\.$/, ""));
  const id = `${local.toLowerCase()}@${host}`;
  return host === "" || id.length > ADDRESS_CHARS ? null : id;
}

/** Behind the @ of an id. */
export function domainOf(id: string): string {
  return id.slice(id.lastIndexOf("@") + 1);
}

/** Before it, without a +tag; and the tag. */
export function localOf(id: string): { readonly local: string; readonly tag: string | null } {
  const whole = id.slice(0, id.lastIndexOf("@"));
  const plus = whole.indexOf("+");
  if (plus <= 0) return { local: whole, tag: null };
  return { local: whole.slice(0, plus), tag: whole.slice(plus + 1) };
}

/** A text that fits into one header: no line ends, no control characters, no more than so many characters. */
export function headerText(text: string, charsMax: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that would end the header.
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
  return [...line].slice(0, charsMax).join("");
}

/** A display name; undefined for none. */
export function displayName(name: string | undefined): string | undefined {
  const shown = headerText(name ?? "", emailLimits.nameChars);
  return shown === "" ? undefined : shown;
}

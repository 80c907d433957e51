// What somebody says in a message of WhatsApp, as text and files: each type of message that Meta sends
// (webhooks reference, messages). What has no words of its own is told in brackets, so that an agent knows.

import type { FileRef } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import { fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";

/** What a message says. */
export interface Content {
  readonly text: string;
  readonly files: readonly FileRef[];
}

const MEDIA = ["image", "audio", "voice", "video", "document", "sticker"];
/** Of what is told of an advertisement, a product or an address, characters. */
const TOLD_CHARS = 500;
/** Contacts and products of a message that are told; of further ones the number. */
const TOLD_ITEMS = 20;

/** The content of a message of any type but buttons, reactions and system messages. Null: it has none. */
export function contentOf(message: unknown): Content | null {
  const type = textIn(message, "type", 64) ?? "unsupported";
  const inside = memberOf(message, type);
  if (MEDIA.includes(type)) return mediaOf(type, inside, textIn(message, "id", 300) ?? "");
  const text = saidBy(type, inside, message);
  return text === null ? null : { text, files: [] };
}

function saidBy(type: string, inside: unknown, message: unknown): string | null {
  switch (type) {
    case "text":
      return textIn(inside, "body", channelLimits.textChars);
    case "location":
      return locationOf(inside);
    case "contacts":
      return contactsOf(listIn(message, "contacts"));
    case "order":
      return orderOf(inside);
    case "button":
      return textIn(inside, "text", channelLimits.textChars);
    case "interactive":
      return replyOf(inside);
    default:
      return `[A message of a kind that WhatsApp does not pass on${reasonOf(message)}]`;
  }
}

function mediaOf(type: string, inside: unknown, message: string): Content | null {
  const id = textIn(inside, "id", 200);
  if (id === null) return null;
  const declared = textIn(inside, "mime_type", 200) ?? "application/octet-stream";
  const mediaType = (declared.split(";", 1)[0] ?? "").trim().toLowerCase();
  const file: FileRef = {
    id: `${message}:${id}`.slice(0, 300),
    name: fileName(textIn(inside, "filename", 200), type, mediaType, id),
    mediaType,
    bytes: null,
    at: { media: id },
  };
  return { text: textIn(inside, "caption", channelLimits.textChars) ?? "", files: [file] };
}

// A name for the person who reads it, never a path.
function fileName(given: string | null, type: string, mediaType: string, id: string): string {
  const bare =
    given
      ?.split(/[\\/]/)
      .at(-1)
      ?.replaceAll(/\p{Cc}/gu, "")
      .trim() ?? "";
  if (bare !== "" && bare !== "." && bare !== "..") return bare;
  const extension =
    mediaType
      .split("/")[1]
      ?.replaceAll(/[^a-z0-9]/g, "")
      .slice(0, 10) ?? "bin";
  return `${type}-${id.replaceAll(/\W/g, "").slice(-8)}.${extension === "jpeg" ? "jpg" : extension}`;
}

function locationOf(inside: unknown): string | null {
  const [latitude, longitude] = [memberOf(inside, "latitude"), memberOf(inside, "longitude")];
  if (typeof latitude !== "number" || typeof longitude !== "number") return null;
  const words = ["name", "address", "url"].map((name) => textIn(inside, name, TOLD_CHARS));
  const named = words.filter((word) => word !== null).join(", ");
  return `[Location: ${named === "" ? "" : `${named}, `}${latitude}, ${longitude}]`;
}

function contactsOf(contacts: readonly unknown[]): string | null {
  if (contacts.length === 0) return null;
  return told(contacts, "contacts", (contact) => {
    const name = textIn(memberOf(contact, "name"), "formatted_name", 200) ?? "without a name";
    const phones = listIn(contact, "phones").map((one) => textIn(one, "phone", 50));
    const mails = listIn(contact, "emails").map((one) => textIn(one, "email", 200));
    const company = textIn(memberOf(contact, "org"), "company", 200);
    const words = [name, company, ...phones.slice(0, 5), ...mails.slice(0, 5)];
    return `[Contact: ${words.filter((word) => word !== null).join(", ")}]`;
  });
}

function orderOf(inside: unknown): string | null {
  const items = listIn(inside, "product_items");
  if (items.length === 0) return null;
  const note = textIn(inside, "text", channelLimits.textChars);
  const lines = told(items, "products", (item) => {
    const product = textIn(item, "product_retailer_id", 200) ?? "unknown";
    const [quantity, price] = [memberOf(item, "quantity"), memberOf(item, "item_price")];
    const currency = textIn(item, "currency", 10) ?? "";
    return `[Ordered: ${amount(quantity)} of ${product}, ${amount(price)} ${currency} each]`;
  });
  return note === null ? lines : `${note}\n${lines}`;
}

function amount(value: unknown): string {
  return typeof value === "number" || typeof value === "string" ? String(value).slice(0, 40) : "?";
}

// What was chosen in a form of WhatsApp's (a Flow): its answers, as it gives them.
function replyOf(inside: unknown): string | null {
  const form = memberOf(inside, "nfm_reply");
  const answers = textIn(form, "response_json", channelLimits.textChars);
  if (answers !== null) return `[Form filled in: ${answers}]`;
  const chosen = memberOf(inside, "button_reply") ?? memberOf(inside, "list_reply");
  return textIn(chosen, "title", channelLimits.textChars);
}

function reasonOf(message: unknown): string {
  const [error] = listIn(message, "errors");
  const details = textIn(memberOf(error, "error_data"), "details", 200);
  const reason = details ?? textIn(error, "title", 200);
  return reason === null ? "" : `: ${reason}`;
}

function told(items: readonly unknown[], what: string, line: (item: unknown) => string): string {
  const lines = items.slice(0, TOLD_ITEMS).map(line);
  const left = items.length - lines.length;
  return [...lines, ...(left > 0 ? [`[and ${left} more ${what}]`] : [])].join("\n");
}

/** What stands around a message: it was forwarded, it is about a product, an advertisement led to it. */
export function circumstances(message: unknown): string[] {
  const context = memberOf(message, "context");
  const isForwarded =
    memberOf(context, "forwarded") === true || memberOf(context, "frequently_forwarded") === true;
  const product = textIn(memberOf(context, "referred_product"), "product_retailer_id", 200);
  const referral = fieldsOf(memberOf(message, "referral"));
  return [
    ...(isForwarded ? ["[Forwarded]"] : []),
    ...(product === null ? [] : [`[About the product ${product}]`]),
    ...(referral === null ? [] : [`[${adOf(referral)}]`]),
  ];
}

function adOf(referral: unknown): string {
  const words = ["headline", "body", "source_url"].map((name) =>
    textIn(referral, name, TOLD_CHARS),
  );
  const said = words.filter((word) => word !== null).join(", ");
  return said === "" ? "Came from an advertisement" : `Came from an advertisement: ${said}`;
}

// What Meta's Graph API refuses of a message, in its words: developers.facebook.com, WhatsApp Cloud API,
// messages reference and error codes. Written apart from the adapter, of which it knows nothing.

/** An error as the Graph API writes it. */
export interface GraphError {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly details?: string;
}

type Json = Record<string, unknown>;
type Row = { readonly id: string; readonly title: string; readonly description?: string };

const invalid = (details: string, code = 131009): GraphError => ({
  status: 400,
  code,
  message: `(#${code}) Parameter value is not valid`,
  details,
});

/** Errors by name, as Meta writes them. */
export const graphErrors = {
  token: {
    status: 401,
    code: 190,
    message:
      "Error validating access token: Session has expired on Monday, 23-Nov-26 08:00:00 PST.",
  },
  window: {
    status: 400,
    code: 131047,
    message: "(#131047) Re-engagement message",
    details:
      "Message failed to send because more than 24 hours have passed since the customer last replied to this number.",
  },
  pair: {
    status: 400,
    code: 131056,
    message: "(#131056) (Business Account, Consumer Account) pair rate limit hit",
    details:
      "Message failed to send because there were too many messages sent from this phone number to the same phone number in a short period of time.",
  },
  throughput: {
    status: 429,
    code: 130429,
    message: "(#130429) Rate limit hit",
    details: "Message failed to send because there were too many messages sent in a short period.",
  },
  undeliverable: {
    status: 400,
    code: 131026,
    message: "(#131026) Message undeliverable",
    details: "Message Undeliverable.",
  },
  template: {
    status: 404,
    code: 132001,
    message: "(#132001) Template name does not exist in the translation",
    details: "template name does not exist in the language",
  },
  unknown: {
    status: 500,
    code: 131000,
    message: "(#131000) Something went wrong",
    details: "Message failed to send due to an unknown error.",
  },
  service: { status: 503, code: 2, message: "Service temporarily unavailable" },
} as const satisfies Record<string, GraphError>;

/** The body of an error. */
export function errorBody({ code, message, details }: GraphError): string {
  const data = { messaging_product: "whatsapp", details };
  return JSON.stringify({
    error: {
      message,
      type: "OAuthException",
      code,
      ...(details !== undefined && { error_data: data }),
      fbtrace_id: "AbCdEfGhIjKlMnOpQrStUvW",
    },
  });
}

/** What is wrong with a message; null when it would be taken. */
export function wrongWith(message: Json, media: ReadonlySet<string>): GraphError | null {
  if (message["messaging_product"] !== "whatsapp") {
    return invalid("The parameter messaging_product is required.", 100);
  }
  const [to, recipient] = [message["to"], message["recipient"]];
  if (typeof to !== "string" && typeof recipient !== "string") {
    return { status: 400, code: 131008, message: "(#131008) Required parameter is missing" };
  }
  const isGroup = message["recipient_type"] === "group";
  if (typeof to === "string" && !/^[0-9]{5,20}$/.test(to) && !isGroup) {
    return invalid("Parameter 'to' is not a valid phone number.");
  }
  const key = message["biz_opaque_callback_data"];
  if (key !== undefined && (typeof key !== "string" || key.length > 512)) {
    return invalid("Param biz_opaque_callback_data must be at most 512 characters long.", 100);
  }
  const type = String(message["type"]);
  const inside = message[type] as Json | undefined;
  if (inside === undefined) return invalid(`The parameter ${type} is required.`, 131008);
  if (type === "text") return bounded(inside["body"], 4_096, "text['body']");
  if (type === "interactive") return wrongWithChoice(inside);
  if (type === "template") return null;
  if (!["image", "audio", "video", "document"].includes(type)) {
    return invalid("Message type is currently not supported.", 131051);
  }
  const id = String(inside["id"]);
  return media.has(id) ? null : invalid(`Media with ID ${id} was not found.`, 131053);
}

function wrongWithChoice(interactive: Json): GraphError | null {
  const text = (interactive["body"] as Json | undefined)?.["text"];
  const body = bounded(text, 1_024, "interactive['body']['text']");
  if (body !== null) return body;
  const action = interactive["action"] as Json;
  if (interactive["type"] === "button") {
    const buttons = action["buttons"] as { readonly reply: Row }[];
    if (buttons.length < 1 || buttons.length > 3) {
      return invalid("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: 3");
    }
    const replies = buttons.map(({ reply }) => reply);
    return wrongWithRows(replies, { title: 20, id: 256 });
  }
  if (interactive["type"] !== "list") return invalid("Invalid interactive type");
  const opener = bounded(action["button"], 20, "interactive['action']['button']");
  if (opener !== null) return opener;
  const rows = (action["sections"] as { readonly rows: readonly Row[] }[]).flatMap(
    (section) => section.rows,
  );
  if (rows.length < 1 || rows.length > 10) {
    return invalid("Total row count exceed max allowed count: 10");
  }
  if (rows.some(({ description = "" }) => description.length > 72)) {
    return invalid("Row description is too long. Max length is 72");
  }
  return wrongWithRows(rows, { title: 24, id: 200 });
}

function wrongWithRows(
  rows: readonly Row[],
  max: { readonly title: number; readonly id: number },
): GraphError | null {
  for (const { id, title } of rows) {
    const wrong = bounded(title, max.title, "title") ?? bounded(id, max.id, "id");
    if (wrong !== null) return wrong;
  }
  const titles = new Set(rows.map(({ title }) => title));
  if (titles.size < rows.length) return invalid("Duplicated title in buttons");
  const ids = new Set(rows.map(({ id }) => id));
  return ids.size < rows.length ? invalid("Duplicated row id") : null;
}

function bounded(value: unknown, max: number, name: string): GraphError | null {
  if (typeof value !== "string" || value === "") {
    return { status: 400, code: 100, message: `(#100) The parameter ${name} is required.` };
  }
  if (value.length <= max) return null;
  const message = `(#100) Param ${name} must be at most ${max} characters long.`;
  return { status: 400, code: 100, message };
}

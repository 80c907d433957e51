// WhatsApp keeps what every adapter promises.

import type { ChannelRequest } from "../../../../adapters/channels/adapter.ts";
import { whatsapp } from "../../../../adapters/channels/whatsapp/adapter.ts";
import { SETTINGS } from "../../../support/channels/whatsapp-account.ts";
import {
  errorBody,
  type GraphError,
  graphErrors,
} from "../../../support/channels/whatsapp-checks.ts";
import {
  changeOf,
  notificationOf,
  signedHeaders,
} from "../../../support/channels/whatsapp-server.ts";
import { conforms, jsonAnswer } from "../conformance.ts";

const refused = (error: GraphError) => () => jsonAnswer(error.status, errorBody(error));

function delivered(): ChannelRequest {
  const message = { from: "16505551234", id: "wamid.A", timestamp: "1763899200" };
  const said = { ...message, type: "text", text: { body: "hello" } };
  const number = { phoneNumberId: SETTINGS.phone_number_id };
  const body = notificationOf([changeOf(number, { messages: [said] })]);
  const headers = signedHeaders(body, SETTINGS.app_secret);
  return { method: "POST", path: "", headers, query: new URLSearchParams(), body, publicUrl: "" };
}

conforms({
  adapter: whatsapp,
  settings: SETTINGS,
  required: ["phone_number_id", "access_token", "app_secret", "verify_token"],
  deliveries: () => [delivered()],
  address: { from: SETTINGS.phone_number_id, phone: "16505551234" },
  textOf: ({ body }) => String(body["text"]),
  answers: {
    ok: () => jsonAnswer(200, { messages: [{ id: "wamid.B" }] }),
    rate: refused(graphErrors.pair),
    retry: refused(graphErrors.service),
    auth: refused(graphErrors.token),
    gone: refused(graphErrors.undeliverable),
    format: refused(graphErrors.template),
    window: refused(graphErrors.window),
    unknown: () => jsonAnswer(200, "<html>"),
  },
});

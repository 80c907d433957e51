// An account of WhatsApp with its platform, for tests that send: who writes, and what is sent to them.

import type { ChannelData, Inbound } from "../../../actors/channels/inbound.ts";
import type { Outgoing, Part, SendResult } from "../../../actors/channels/outgoing.ts";
import type { WhatsAppSettings } from "../../../adapters/channels/whatsapp/settings.ts";
import { openWhatsApp, SETTINGS, type TestAccount } from "./whatsapp-account.ts";
import { errorBody, type GraphError } from "./whatsapp-checks.ts";
import { type Customer, startWhatsAppServer, type WhatsAppServer } from "./whatsapp-server.ts";

/** Who writes in these tests. */
export const PHONE = "16505551234";

const CALL_MS = 20_000;
const TWO_DAYS_MS = 48 * 3_600_000;

/** The desk. */
export interface Desk {
  readonly server: WhatsAppServer;
  readonly account: TestAccount;
  /** Opens the account anew. */
  open(settings?: Partial<WhatsAppSettings>, files?: Map<string, Uint8Array>): void;
  /** Somebody writes: the event of it, with the address of an answer. */
  heard(from?: Customer): Promise<Inbound>;
  send(part: Part | null | undefined, address: ChannelData, attempt?: number): Promise<SendResult>;
  /** Every part of it, in order. */
  say(outgoing: Outgoing, address: ChannelData): Promise<SendResult[]>;
  /** Every call is answered with an error. */
  answerWith(error: GraphError, headers?: Record<string, string>): void;
  /** As if nothing had been said: limits are full again, and nothing is still to come. */
  tidy(): Promise<void>;
}

/** Starts it. */
export async function startDesk(): Promise<Desk> {
  const server = await startWhatsAppServer({
    appSecret: SETTINGS.app_secret,
    accessToken: SETTINGS.access_token,
    phoneNumberId: SETTINGS.phone_number_id,
    startMs: Date.UTC(2026, 10, 23, 12),
    appId: "4711",
    templates: ["answer_ready"],
  });
  let account = openWhatsApp(server);
  const desk: Desk = {
    server,
    get account() {
      return account;
    },
    open(settings, files) {
      account = openWhatsApp(server, settings, files);
    },
    async heard(from = { phone: PHONE }) {
      server.say(from, { type: "text", text: { body: "hello" } });
      await server.clock.advance(0);
      const handled = account.handled.at(-1);
      const event = handled !== undefined && "events" in handled ? handled.events.at(-1) : null;
      if (event === null || event === undefined) throw new Error("Nothing was heard.");
      return event;
    },
    async send(part, address, attempt = 1) {
      if (part === undefined || part === null) throw new Error("There is no part.");
      const options = { key: "key-1", attempt, signal: AbortSignal.timeout(CALL_MS) };
      return await account.instance.send(part, address, options);
    },
    async say(outgoing, address) {
      const results: SendResult[] = [];
      for (const part of account.instance.render(outgoing)) {
        results.push(await desk.send(part, address));
      }
      return results;
    },
    answerWith(error, headers = {}) {
      server.instead = () => ({ status: error.status, body: errorBody(error), headers });
    },
    async tidy() {
      server.instead = null;
      server.mediaUrl = null;
      server.windowRefusal = "now";
      server.subscribedApp = "4711";
      await server.clock.advance(TWO_DAYS_MS);
      server.taken.length = 0;
      server.calls.length = 0;
      server.read.clear();
      account = openWhatsApp(server);
    },
  };
  return desk;
}

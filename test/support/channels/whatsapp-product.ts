// Meta's side for a server that runs as a process: its webhooks go to the server's door, wherever that is now.

import type { Product } from "../product.ts";
import { SETTINGS } from "./whatsapp-account.ts";
import { startWhatsAppServer, type Webhook, type WhatsAppServer } from "./whatsapp-server.ts";

/** It, and what begins to give webhooks to a channel. */
export interface WhatsAppOf {
  readonly server: WhatsAppServer;
  open(channel: string): void;
  /** Gives one webhook once; its status. @throws when nobody answers. */
  give(channel: string, webhook: Webhook): Promise<number>;
}

/** Starts it; its clock runs `factor` times as fast as ours. */
export async function whatsappFor(
  product: Pick<Product, "url">,
  { factor = 1, timeoutMs = 20_000 }: { factor?: number; timeoutMs?: number } = {},
): Promise<WhatsAppOf> {
  const server = await startWhatsAppServer({
    appSecret: SETTINGS.app_secret,
    accessToken: SETTINGS.access_token,
    phoneNumberId: SETTINGS.phone_number_id,
    startMs: Date.now(),
  });
  const give = async (channel: string, { body, headers }: Webhook): Promise<number> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const url = `${product.url}/gateway/whatsapp/${channel}`;
    const asked = { method: "POST", headers, body: new Uint8Array(body), signal };
    const answer = await fetch(url, asked);
    await answer.arrayBuffer();
    return answer.status;
  };
  server.clock.run(factor);
  return {
    server,
    give,
    open: (channel) => {
      server.deliver = (webhook) => give(channel, webhook);
    },
  };
}

/** A channel of WhatsApp at it. */
export function whatsappChannel(server: WhatsAppServer, agent: string): object {
  const { phone_number_id, ...secrets } = SETTINGS;
  const settings = { phone_number_id, api_url: server.url };
  return { name: "WhatsApp", kind: "whatsapp", agent, settings, secrets };
}

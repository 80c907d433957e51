// An account of the Telegram adapter at the played Bot API.

import type { ChannelInstance, Handled } from "../../../adapters/channels/adapter.ts";
import { telegram } from "../../../adapters/channels/telegram/adapter.ts";
import type { TelegramSettings } from "../../../adapters/channels/telegram/settings.ts";
import type { TelegramServer } from "./telegram-server.ts";
import { type TestEnvironment, testEnvironment } from "./test-environment.ts";

/** Settings of the tests. */
export const SETTINGS = {
  bot_username: "troupe_test_bot",
  bot_token: "4711:AAHplanted-token-0123456789",
  secret_token: "planted-secret-token-01",
} as const satisfies TelegramSettings;

/** An account, open. */
export interface TelegramAccount {
  readonly instance: ChannelInstance;
  readonly environment: TestEnvironment;
  /** What updates were understood as, in order. */
  readonly handled: Handled[];
  handle(body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<Handled>;
}

/** Opens an account at the server; its updates go to it. */
export function openTelegram(
  server: TelegramServer,
  settings: Partial<TelegramSettings> = {},
  files: Readonly<Record<string, Uint8Array>> = {},
): TelegramAccount {
  const environment = testEnvironment({
    egress: { allowedHosts: ["127.0.0.1"] },
    files,
    nowMs: server.clock.nowMs(),
  });
  const instance = telegram.create({ ...SETTINGS, api_url: server.url, ...settings }, environment);
  const handled: Handled[] = [];
  const account: TelegramAccount = {
    instance,
    environment,
    handled,
    async handle(body, headers) {
      const [route] = instance.routes;
      if (route === undefined) throw new Error("The adapter has no route.");
      const query = new URLSearchParams();
      return await route.handle({ method: "POST", path: "", headers, query, body, publicUrl: "" });
    },
  };
  server.deliver = async ({ body, headers }) => {
    const result = await account.handle(body, headers);
    handled.push(result);
    const { status, body: said = "" } = "refused" in result ? result.refused : result.ack;
    return { status, body: said };
  };
  return account;
}

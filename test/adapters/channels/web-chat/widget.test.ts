// The widget in a real browser, in a page of another origin than the chat's and under a strict policy: what
// is written arrives once, whatever the network and the page do meanwhile, and no mouse is needed. Case 70.

import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Inbound } from "../../../../actors/channels/inbound.ts";
import type { Outgoing } from "../../../../actors/channels/outgoing.ts";
import type { WebChatSettings } from "../../../../adapters/channels/web-chat/settings.ts";
import { type RouteHost, startRouteHost } from "../../../support/channels/route-host.ts";
import {
  answer,
  type ChatAccount,
  never,
  openChat,
} from "../../../support/channels/web-chat-account.ts";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = candidates.find((path) => existsSync(path));
if (!executablePath) console.warn("widget.test: no Chromium here, so the widget is not tested.");
const withBrowser = test.skipIf(!executablePath);

let browser: Browser;
let site: Server;
let siteUrl = "";
let host: RouteHost;
let account: ChatAccount;
/** Events that were taken, each once, as sessions do. */
let taken: Map<string, Inbound>;
let onTaken: (event: Inbound) => void;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  if (!executablePath) return;
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  site = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
    if (pathname !== "/") return response.writeHead(404).end();
    const attributes = searchParams.get("with") ?? "";
    response.writeHead(200, {
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": `default-src 'none'; script-src http://127.0.0.1:${host.port}; connect-src http://127.0.0.1:${host.port}`,
    });
    return response.end(
      `<!doctype html><html lang="en"><title>Shop</title><body><h1>Shop</h1><script src="${host.url}/widget.js" ${attributes}></script></body></html>`,
    );
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  host = await startRouteHost(
    () => account.instance,
    "/gateway/web_chat/ch_test",
    async (events) => {
      for (const event of events) {
        const [key = ""] = event.dedupe;
        if (taken.has(key)) continue;
        taken.set(key, event);
        onTaken(event);
      }
    },
  );
});

afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

afterAll(async () => {
  await browser?.close();
  await host?.close();
  site?.closeAllConnections();
  site?.close();
});

let answers = 0;
const say = (event: Inbound, outgoing: Outgoing) =>
  answer(account, event, outgoing, `k${++answers}`);

/** A page with the widget, in a browser of its own, over a chat of its own. */
async function openPage(
  reply: (event: Inbound) => Promise<void> | void,
  attributes = "",
  options: Parameters<Browser["newContext"]>[0] = {},
  settings: Partial<WebChatSettings> = {},
): Promise<Page> {
  account = openChat(
    { allowed_origins: [siteUrl], title: "Help", greeting: "Hello!", ...settings },
    { nowMs: Date.now() },
  );
  taken = new Map();
  onTaken = (event) => void reply(event);
  host.intercept = null;
  const context = await browser.newContext(options);
  contexts.push(context);
  const page = await context.newPage();
  await page.goto(`${siteUrl}/?with=${encodeURIComponent(attributes)}`);
  return page;
}

async function write(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

function loseAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
  response.writeHead = () => {
    socket.destroy();
    return response;
  };
}

const inPanel = 'document.querySelector("[data-troupe-chat]").shadowRoot.querySelector(".panel")';
const shown = (page: Page) => page.locator(".item .body").allTextContents();

withBrowser("opened with the keyboard, asked and answered, closed again with Escape", async () => {
  const errors: string[] = [];
  const page = await openPage((event) =>
    say(event, { text: "It is **on its way**.\n\n- [Track](https://t.example/)\n- `7`" }),
  );
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  const launcher = page.getByRole("button", { name: "Open chat" });

  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Help" }).waitFor();
  await page.keyboard.type("Where is it?");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("Order 7");
  await page.keyboard.press("Enter");
  await page.getByText("on its way").waitFor();

  expect(await shown(page)).toEqual(["Hello!", "Where is it?\nOrder 7", "It is on its way.Track7"]);
  expect(await page.locator(".agent b").textContent()).toBe("on its way");
  expect(await page.locator(".agent a").getAttribute("href")).toBe("https://t.example/");
  expect(await page.getByRole("log", { name: "Messages" }).getAttribute("aria-live")).toBe(
    "polite",
  );
  expect(await page.locator(".waiting").count()).toBe(0);
  expect(await launcher.getAttribute("aria-expanded")).toBe("true");
  await page.keyboard.press("Escape");
  expect(await page.getByRole("dialog").count()).toBe(0);
  expect(await page.evaluate("document.activeElement.shadowRoot.activeElement.className")).toBe(
    "launcher",
  );
  // Neither script nor style breaks the page's policy.
  expect(errors).toEqual([]);
});

withBrowser("what a model writes is text and never markup", async () => {
  const text =
    '<img src=x onerror="document.title=1"> [x](javascript:document.title=2) <script>document.title=3</script>';
  const page = await openPage((event) => say(event, { text }), "data-open");

  await write(page, "<b>Hi</b>");
  await page.locator(".agent .body").nth(1).waitFor();

  expect((await shown(page))[1]).toBe("<b>Hi</b>");
  expect(await page.locator(".body img, .body script, .body a").count()).toBe(0);
  expect(await page.title()).toBe("Shop");
});

withBrowser(
  "70: an answer that is lost on the way is one message when it is sent again",
  async () => {
    const page = await openPage((event) => say(event, { text: "Got it." }), "data-open");
    let cuts = 0;
    host.intercept = (request, response) => {
      if (cuts === 2 || request.url?.endsWith("/messages") !== true) return false;
      cuts += 1;
      // First not even taken in; then taken in whole, and the connection is cut instead of an answer.
      if (cuts === 1) request.socket.destroy();
      loseAnswer(request, response);
      return cuts === 1;
    };

    await write(page, "Hi");
    await page.getByText("Got it.").waitFor();
    await page.locator(".waiting").waitFor({ state: "detached" });

    expect(cuts).toBe(2);
    expect(taken.size).toBe(1);
    expect(await shown(page)).toEqual(["Hello!", "Hi", "Got it."]);
  },
);

withBrowser(
  "70: what was not acknowledged when the page was left is sent by the next one, once",
  async () => {
    const page = await openPage(
      (event) => say(event, { text: `Re: ${"text" in event ? event.text : ""}` }),
      "data-open",
    );
    await page.getByText("Hello!").waitFor();
    host.intercept = (request) => {
      if (request.url?.endsWith("/messages") !== true) return false;
      request.socket.destroy();
      return true;
    };
    await write(page, "First");
    await write(page, "Second");
    await page.getByText("No connection").waitFor();
    expect(taken.size).toBe(0);
    host.intercept = null;

    await page.reload();
    await page.getByText("Re: Second").waitFor();

    expect((await shown(page)).filter((text) => /First|Second/.test(text)).sort()).toEqual([
      "First",
      "Re: First",
      "Re: Second",
      "Second",
    ]);
    expect([...taken.values()].map((event) => "text" in event && event.text)).toEqual([
      "First",
      "Second",
    ]);
  },
);

withBrowser(
  "an answer of meanwhile is told on the closed button, and read after a reload, once",
  async () => {
    let asked: Inbound | undefined;
    const page = await openPage((event) => {
      asked = event;
    }, "data-open");
    await write(page, "Hi");
    await page.locator(".visitor:not(.waiting)").waitFor();
    await page.goto("about:blank");
    if (asked === undefined) throw new Error("not asked");
    await say(asked, { text: "While you were away." });

    await page.goto(siteUrl);
    await page.getByRole("button", { name: "Open chat, 1 unread" }).click();

    expect(await shown(page)).toEqual(["Hello!", "Hi", "While you were away."]);
    await page.reload();
    await page.getByRole("button", { name: "Open chat", exact: true }).click();
    await page.getByText("While you were away.").waitFor();
    expect(await shown(page)).toEqual(["Hello!", "Hi", "While you were away."]);
  },
);

withBrowser("two tabs of a visitor show the same conversation", async () => {
  const first = await openPage((event) => say(event, { text: "To both." }), "data-open");
  await first.getByText("Hello!").waitFor();
  const second = await first.context().newPage();
  await second.goto(`${siteUrl}/?with=data-open`);
  await second.getByText("Hello!").waitFor();

  await write(second, "Hi");

  for (const page of [second, first]) {
    await page.bringToFront();
    await page.getByText("To both.").waitFor();
    expect(await shown(page)).toEqual(["Hello!", "Hi", "To both."]);
  }
  expect(taken.size).toBe(1);
});

withBrowser("a button is pressed once, and its message changes in its place", async () => {
  const page = await openPage(async (event) => {
    if (event.kind === "message") {
      await answer(
        account,
        event,
        { text: "Pay 7 €?", buttons: [{ action: "ap:1:yes", label: "Pay", style: "primary" }] },
        "ask",
      );
      await say(event, { text: "I wait." });
    } else {
      const [part] = account.instance.render({ text: "Paid." });
      if (part)
        await account.instance.edit?.({ id: "ask.0" }, part, event.address, {
          key: "e",
          attempt: 1,
          signal: never,
        });
    }
  }, "data-open");
  await write(page, "Pay");

  await page.getByRole("button", { name: "Pay" }).dblclick();
  await page.getByText("Paid.").waitFor();

  expect(await shown(page)).toEqual(["Hello!", "Pay", "Paid.", "I wait."]);
  expect([...taken.values()].filter(({ kind }) => kind === "action")).toHaveLength(1);
  expect(await page.getByRole("button", { name: "Pay" }).count()).toBe(0);
});

withBrowser("a sign is shown while an answer is written, and gone with it", async () => {
  let asked: Inbound | undefined;
  const page = await openPage(async (event) => {
    asked = event;
    await account.instance.typing?.(event.address, never);
  }, "data-open");

  await write(page, "Hi");
  await page.getByRole("status").getByText("being written").waitFor();
  if (asked === undefined) throw new Error("not asked");
  await say(asked, { text: "Done." });
  await page.getByText("Done.").waitFor();

  expect(await page.getByRole("status").textContent()).toBe("");
});

withBrowser("a file is sent in pieces, one at a time, and what is not taken is said", async () => {
  const settings = { visitor_file_bytes: 1_500_000 };
  const page = await openPage((event) => say(event, { text: "Read." }), "data-open", {}, settings);
  const attach = page.getByRole("button", { name: "Attach a file (at most 1.4 MB)" });
  const pick = (name: string, mimeType: string, text: string) =>
    page.locator("input[type=file]").setInputFiles({ name, mimeType, buffer: Buffer.from(text) });
  await write(page, "Hi");
  await attach.waitFor();
  const text = "All of it. ".repeat(100_000);
  await page.evaluate(`{
    const bar = ${inPanel}.querySelector("progress");
    window.shares = [];
    const note = () => window.shares.push(Math.round(100 * bar.value));
    new MutationObserver(note).observe(bar, { attributeFilter: ["value"] });
  }`);
  let uploads = 0;
  host.intercept = (request, response) => {
    if (request.url?.endsWith("/upload") !== true) return false;
    uploads += 1;
    // Taken in, and its answer lost.
    if (uploads === 2) loseAnswer(request, response);
    return false;
  };

  await pick("a.mp4", "video/mp4", "x");
  await page.getByText("a.mp4: this cannot be read here: video").waitFor();
  await pick("big.txt", "text/plain", "x".repeat(1_500_001));
  await page.getByText("big.txt: at most 1.4 MB").waitFor();
  expect(uploads).toBe(0);
  await pick("report.txt", "text/plain", text);
  await page.getByText("📎 report.txt").waitFor();
  await page.locator(".agent .body").nth(2).waitFor();

  const [, event] = [...taken.values()];
  const [file] = event?.kind === "message" ? (event.files ?? []) : [];
  if (file === undefined) throw new Error("Nothing was sent.");
  expect(file).toMatchObject({ name: "report.txt", mediaType: "text/plain", bytes: text.length });
  const bytes = await account.instance.fetchFile?.(file, 10_000_000, never);
  expect(Buffer.from(bytes ?? []).toString()).toBe(text);
  expect(uploads).toBe(4);
  expect(await page.evaluate("window.shares")).toEqual([0, 48, 95]);
  expect([await page.locator("progress").isVisible(), await attach.isEnabled()]).toEqual([
    false,
    true,
  ]);
});

withBrowser("a page that may not show the chat says so, and asks no further", async () => {
  const page = await openPage(() => undefined);
  account = openChat({ allowed_origins: ["https://elsewhere.example"] });
  await page.getByRole("button", { name: "Open chat" }).click();

  // Such an answer has no leave to be read by the page: all it can know is that it did not come.
  await page.getByText("No connection").waitFor();
  expect(taken.size).toBe(0);
});

withBrowser(
  "on a telephone it fills the window, in the dark it is dark, and other words may be given",
  async () => {
    const labels = JSON.stringify({ open: "Chat öffnen", send: "Senden", text: "Nachricht" });
    const page = await openPage(
      (event) => say(event, { text: "x" }),
      `data-title="Hilfe" data-labels='${labels}'`,
      {
        viewport: { width: 390, height: 700 },
        colorScheme: "dark",
        reducedMotion: "reduce",
      },
    );
    await page.getByRole("button", { name: "Chat öffnen" }).click();
    const panel = page.getByRole("dialog", { name: "Hilfe" });
    await page.getByText("Hello!").waitFor();

    expect(await panel.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 700 });
    expect(await page.evaluate(`getComputedStyle(${inPanel}).backgroundColor`)).toBe(
      "rgb(28, 32, 38)",
    );
    expect(await page.getByRole("button", { name: "Senden" }).isVisible()).toBe(true);
    expect(await page.getByLabel("Nachricht", { exact: true }).isVisible()).toBe(true);
  },
);

// The chat page in a real browser: signing in by the printed link, asking, routing and sources,
// stopping, a cut connection, another width and colour scheme, and nothing from another host.

import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type Cookie, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningServer, startServer } from "../support/running-server.ts";

const candidates = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = candidates.find((path) => existsSync(path));
if (!executablePath) console.warn("page.test: no Chromium here, so the page is not tested.");
const withBrowser = test.skipIf(!executablePath);

let folder = "";
let server: RunningServer;
let browser: Browser;
let loginUrl = "";

beforeAll(async () => {
  if (!executablePath) return;
  folder = await mkdtemp(join(tmpdir(), "troupe-page-"));
  server = await startServer({ TROUPE_DATA: join(folder, "data") });
  const [, url = ""] = await server.printed(/Chat page +(\S+)/);
  await server.printed(/^curl /m);
  loginUrl = url;
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});

afterAll(async () => {
  await browser?.close();
  await server?.end();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** The printed link works once, so all tests share the session it opened. */
let cookies: Cookie[] = [];

async function signedIn(options: Parameters<Browser["newContext"]>[0] = {}): Promise<Page> {
  const context = await browser.newContext(options);
  await context.addCookies(cookies);
  const page = await context.newPage();
  await page.goto(cookies.length === 0 ? loginUrl : server.url);
  cookies = await context.cookies();
  await page.waitForSelector(".offers button");
  return page;
}

async function ask(page: Page, text: string): Promise<void> {
  await page.fill("#message", text);
  await page.press("#message", "Enter");
}

withBrowser("the printed link signs in, once, with a cookie scripts cannot read", async () => {
  const page = await signedIn();
  const [cookie] = await page.context().cookies();
  const again = await fetch(loginUrl, { redirect: "manual" });

  expect(new URL(page.url()).pathname).toBe("/");
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  expect(await page.evaluate("document.cookie")).toBe("");
  expect(again.status).toBe(401);
});

withBrowser("without a session the page says how to sign in", async () => {
  const page = await browser.newPage();
  await page.goto(server.url);

  await page.waitForSelector("text=Please sign in");

  expect(await page.isDisabled("#message")).toBe(true);
});

withBrowser("an answer shows who was chosen, its sources, and that it was built in", async () => {
  const page = await signedIn();
  const foreign: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url)) foreign.push(request.url());
  });

  await ask(page, "How do I set a provider?");
  await page.waitForSelector(".sources");
  await page.waitForSelector("#send:visible");

  expect(await page.textContent(".routing b")).toBe("Docs");
  expect(await page.textContent(".answer .text")).toContain("OPENAI_API_KEY");
  expect(await page.textContent("#provider")).toMatch(/built-in answerer.*OPENAI_API_KEY/s);
  expect(await page.locator(".sources li").count()).toBeGreaterThan(0);
  await page.waitForSelector("#conversations button[aria-current=true]");
  expect(foreign).toEqual([]);
});

withBrowser("a conversation is there again after the page was loaded anew", async () => {
  const page = await signedIn();
  await ask(page, "I was charged twice this month");
  await page.waitForSelector(".answer .routing b");
  await page.waitForSelector("#send:visible");

  await page.reload();
  await page.waitForSelector(".answer");

  expect(await page.textContent(".user")).toContain("charged twice");
  expect(await page.textContent(".routing b")).toBe("Billing");
});

withBrowser.each([
  ["before the answer's first event", "text/event-stream", false],
  ["after the answer's first event", "run_id", true],
])("a connection cut %s is taken up again and the answer is whole, once", async (...cut) => {
  const [, marker, isShown] = cut;
  const relay = await cuttingRelay(new URL(server.url).port, { marker, isShown });
  const page = await signedIn();
  await page.goto(relay.url);
  await page.waitForSelector(".offers button");

  relay.arm();
  await ask(page, "What happens when a worker dies?");
  await page.waitForSelector(".sources", { timeout: 20_000 });
  await page.waitForSelector("#send:visible");
  const text = (await page.textContent(".answer .text")) ?? "";
  const phrase = "resume from their stored steps";

  expect(relay.cuts()).toBe(1);
  expect(text).toContain(phrase);
  expect(text.indexOf(phrase)).toBe(text.lastIndexOf(phrase));
  expect(await page.locator(".user").count()).toBe(1);
  expect(await page.locator(".problem").count()).toBe(0);
  await page.reload();
  await page.waitForSelector(".answer");
  expect(await page.locator(".user").count()).toBe(1);
  relay.close();
});

withBrowser("text of a message is shown as text, never as markup", async () => {
  const page = await signedIn();

  await ask(page, '<img src=x onerror="document.title=1"> **bold**');
  await page.waitForSelector(".answer .text");
  await page.waitForSelector("#send:visible");

  expect(await page.locator(".log img").count()).toBe(0);
  expect(await page.title()).toBe("Troupe");
});

withBrowser("at the width of a phone nothing is wider than the page", async () => {
  const page = await signedIn({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
  await ask(page, "How do I set a provider?");
  await page.waitForSelector(".sources");
  // Sources come before the text; with the answer's end there is a button to send again.
  await page.waitForSelector("#send:visible");

  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  await page.click("#list-toggle");
  expect(await page.isVisible("#conversations button")).toBe(true);
});

/**
 * A relay to the server that cuts the first connection on which `marker` comes after `arm`; the
 * bytes with the marker are shown or not.
 */
async function cuttingRelay(target: string, cut: { marker: string; isShown: boolean }) {
  let isArmed = false;
  let cuts = 0;
  const relay: Server = createServer((client) => {
    const upstream = connect(Number(target), "127.0.0.1");
    client.pipe(upstream);
    upstream.on("data", (bytes) => {
      const isHere = isArmed && bytes.includes(cut.marker);
      if (!isHere) {
        client.write(bytes);
        return;
      }
      isArmed = false;
      cuts += 1;
      if (cut.isShown) client.end(bytes);
      else client.destroy();
      upstream.destroy();
    });
    upstream.on("close", () => client.end());
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const address = relay.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/`,
    arm: () => {
      isArmed = true;
    },
    cuts: () => cuts,
    close: () => relay.close(),
  };
}

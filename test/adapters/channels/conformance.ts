// What every adapter promises, as tests that each adapter's test file declares with its own deliveries and
// platform answers: `conforms({ ... })`. What only one platform has, its own tests show.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChannelData, Inbound } from "../../../actors/channels/inbound.ts";
import { channelLimits } from "../../../actors/channels/limits.ts";
import type { Part, SendFailure } from "../../../actors/channels/outgoing.ts";
import type {
  ChannelAdapter,
  ChannelEnvironment,
  ChannelInstance,
  ChannelRequest,
  ChannelRoute,
  Handled,
  PlatformAnswer,
} from "../../../adapters/channels/adapter.ts";
import { createMailboxes } from "../../../adapters/channels/mailboxes.ts";
import { silentLog } from "../../../runtime/log.ts";
import { memoryTables } from "../../http/memory-tables.ts";

/** What an adapter brings to it. */
export interface ConformanceFixture {
  readonly adapter: ChannelAdapter;
  /** Of an account that works, secrets included. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Settings without which there is no account: each is left out in turn. */
  readonly required: readonly string[];
  /** When the deliveries are; ms since the epoch. Default: now. */
  readonly nowMs?: number;
  /** Requests as the platform signs them: each is accepted, and together they have an event. */
  deliveries?(): readonly ChannelRequest[];
  /** The platform proves the bytes, not only a token: a changed body is refused. Default true. */
  readonly provesBody?: boolean;
  /** Where an answer goes. */
  readonly address: ChannelData;
  /** What is sent of a part, as the platform counts it. Default: its plain text. */
  textOf?(part: Part): string;
  /** Answers of the platform to a send, by what they mean. Absent: it is not sent over HTTP. */
  readonly answers?: Readonly<Partial<Record<"ok" | SendFailure, () => PlatformAnswer>>>;
}

/** Declares the tests. */
export function conforms(fixture: ConformanceFixture): void {
  describe(`${fixture.adapter.kind} keeps the promises of every adapter`, () => {
    settingsOf(fixture);
    if (fixture.deliveries !== undefined) incoming(fixture, fixture.deliveries);
    rendering(fixture);
    if (fixture.answers !== undefined) sending(fixture, fixture.answers);
    looking(fixture);
  });
}

/** An answer with a JSON body. */
export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): PlatformAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return { reached: true, status, headers, body: Buffer.from(text) };
}

const lost = (mayHaveArrived: boolean): PlatformAnswer => ({
  ...{ reached: false, mayHaveArrived, reason: "The connection was cut." },
});

/** An environment whose platform always gives one answer. */
export function environmentThat(
  call: ChannelEnvironment["call"],
  nowMs: () => number = Date.now,
): ChannelEnvironment {
  const kept = new Map<string, string>();
  return {
    ...{ account: "ch_conformance", call, nowMs, log: silentLog },
    kept: {
      get: async (name) => kept.get(name) ?? null,
      update: async (name, change) => {
        const value = await change(kept.get(name) ?? null);
        kept.set(name, value);
        return value;
      },
    },
    mailbox: createMailboxes({ tables: memoryTables(), nowMs }).of({
      tenant: "tn_1",
      channel: "ch",
    }),
    readFile: () => Promise.reject(new Error("No file is sent here.")),
  };
}

function opened(
  { adapter, settings, nowMs }: ConformanceFixture,
  answer: () => PlatformAnswer = () => lost(false),
): ChannelInstance {
  const environment = environmentThat(
    async () => answer(),
    () => nowMs ?? Date.now(),
  );
  return adapter.create(settings as never, environment);
}

function settingsOf({ adapter, settings, required }: ConformanceFixture): void {
  test("says of each setting what it is, and takes no other", () => {
    const { properties, additionalProperties } = adapter.settings as unknown as {
      readonly properties: Readonly<Record<string, { readonly description?: string }>>;
      readonly additionalProperties?: boolean;
    };

    const silent = Object.entries(properties).filter(
      ([, { description = "" }]) => description === "",
    );
    expect(silent.map(([name]) => name)).toEqual([]);
    expect(additionalProperties).toBe(false);
    expect(adapter.secrets.filter((name) => !(name in properties))).toEqual([]);
  });

  test.each(required)("is not opened without %s", (name) => {
    const { [name]: _, ...rest } = settings;
    const { required: bySchema = [] } = adapter.settings as {
      readonly required?: readonly string[];
    };
    if (bySchema.includes(name)) return;

    for (const less of [rest, { ...rest, [name]: "" }]) {
      const open = () =>
        adapter.create(
          less as never,
          environmentThat(async () => lost(false)),
        );
      expect(open).toThrow(expect.objectContaining({ code: "INVALID" }));
    }
  });
}

const text = (body: string): Uint8Array => Buffer.from(body);

/** What anybody may post. */
const hostileBodies: readonly Uint8Array[] = [
  ...[
    "",
    "{",
    "null",
    "[]",
    "[[]]",
    "0",
    '"text"',
    "{}",
    "payload=",
    "payload=%7B&payload=%7B",
  ].map(text),
  text('{"__proto__":{"isBot":false},"constructor":{"prototype":{"x":1}}}'),
  text('{"event":null,"entry":[null],"message":{"text":null},"type":[]}'),
  text('{"type":"a","type":"b"}'),
  text("[".repeat(100_000)),
  text(`${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`),
  text("%E0%A4%A"),
  Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
  Buffer.from([0xff, 0xfe, 0x00, 0x80]),
];

function incoming(
  fixture: ConformanceFixture,
  deliveries: NonNullable<ConformanceFixture["deliveries"]>,
): void {
  const routeOf = (instance: ChannelInstance, { method, path }: ChannelRequest): ChannelRoute => {
    const found = instance.routes.find((one) => one.method === method && one.path === path);
    if (found === undefined) throw new Error(`There is no route ${method} ${path}.`);
    return found;
  };
  const eventsOf = async (instance: ChannelInstance): Promise<readonly Inbound[]> => {
    const all: Inbound[] = [];
    for (const request of deliveries()) {
      const handled = await routeOf(instance, request).handle(request);
      if ("refused" in handled) throw new Error(`Refused: ${JSON.stringify(handled.refused)}`);
      all.push(...handled.events);
    }
    return all;
  };

  test("takes what the platform delivers, and knows it again", async () => {
    const instance = opened(fixture);

    const first = await eventsOf(instance);
    const again = await eventsOf(instance);

    expect(first.length).toBeGreaterThan(0);
    expect(again.map(({ dedupe }) => dedupe)).toEqual(first.map(({ dedupe }) => dedupe));
    await instance.close();
  });

  test("says events as plain data within their limits", async () => {
    const instance = opened(fixture);

    for (const event of await eventsOf(instance)) {
      expect(JSON.parse(JSON.stringify(event))).toEqual(event);
      const { dedupe, place, sender, address } = event;
      expect(dedupe.length).toBeGreaterThanOrEqual(1);
      expect(dedupe.length).toBeLessThanOrEqual(channelLimits.dedupeKeys);
      for (const key of dedupe) {
        expect(key.length).toBeGreaterThanOrEqual(1);
        expect(key.length).toBeLessThanOrEqual(channelLimits.dedupeChars);
      }
      expect([place.conversation === "", sender.id === ""]).toEqual([false, false]);
      expect(typeof address).toBe("object");
    }
    await instance.close();
  });

  test("throws for nothing that is sent, and makes no event of what is not proved", async () => {
    const instance = opened(fixture);
    const right = deliveries();

    for (const route of instance.routes) {
      const signed = right.find(({ path }) => path === route.path)?.headers ?? {};
      for (const body of hostileBodies) {
        for (const headers of [{}, signed, garbled(signed)]) {
          const query = new URLSearchParams("a[]=1&hub.mode=x&hub.mode=y");
          const { method, path } = route;
          const request = { method, path, headers, query, body, publicUrl: "" };
          const handled = await route.handle(request);
          expectAnswer(handled);
          if (method === "POST")
            expect("refused" in handled || handled.events.length === 0).toBe(true);
        }
      }
    }
    expect(({} as { isBot?: boolean }).isBot).toBeUndefined();
    await instance.close();
  });

  if (fixture.provesBody ?? true) {
    test("refuses a delivery of which any byte was changed", async () => {
      const instance = opened(fixture);

      for (const request of deliveries().filter(({ body }) => body.byteLength > 0)) {
        const body = Uint8Array.from(request.body);
        const at = Math.floor(body.length / 2);
        body[at] = (body[at] ?? 0) ^ 1;
        const handled = await routeOf(instance, request).handle({ ...request, body });
        expect("refused" in handled && [400, 401, 403].includes(handled.refused.status)).toBe(true);
      }
      await instance.close();
    });
  }
}

function garbled(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const odd = Object.keys(headers).map((name) => [name, "v0=ÿ, 99999999999999999999, '"]);
  return Object.fromEntries(odd);
}

function expectAnswer(handled: Handled): void {
  const answer = "refused" in handled ? handled.refused : handled.ack;
  expect(answer.status).toBeGreaterThanOrEqual(200);
  expect(answer.status).toBeLessThan("refused" in handled ? 500 : 400);
  expect(`${answer.contentType}`).not.toMatch(/[\r\n]/);
}

function lengthIn(unit: ChannelAdapter["capabilities"]["textUnit"], said: string): number {
  if (unit === "utf16") return said.length;
  return unit === "byte" ? Buffer.byteLength(said) : [...said].length;
}

function rendering(fixture: ConformanceFixture): void {
  const { capabilities } = fixture.adapter;
  const { textOf = ({ plain }: Part) => plain } = fixture;
  const fits = (part: Part): boolean =>
    lengthIn(capabilities.textUnit, textOf(part)) <= capabilities.textMax;
  const long = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 400 }),
    fc.lorem({ maxCount: 300 }),
    fc.nat({ max: 20_000 }).map((length) => "x".repeat(length)),
    fc
      .nat({ max: 4_000 })
      .map((length) => `\`\`\`js\n${"const a = 1;\n".repeat(length / 8)}\`\`\``),
    fc.nat({ max: 3_000 }).map((length) => "👩‍👩‍👧‍👦é".repeat(length / 3)),
  );

  test("renders the same parts of the same text, never none, each within its limit", () => {
    const instance = opened(fixture);

    fc.assert(
      fc.property(long, (said) => {
        for (const render of [instance.render, instance.renderPlain]) {
          const parts = render.call(instance, { text: said });
          expect(parts.length).toBeGreaterThanOrEqual(1);
          expect(parts.every(fits)).toBe(true);
          expect(parts.map(textOf).join("")).not.toMatch(/\p{Surrogate}/u);
          expect(render.call(instance, { text: said })).toEqual(parts);
          expect(JSON.parse(JSON.stringify(parts))).toEqual(parts);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("a text of nothing is one part, and buttons are in it or written out", () => {
    const instance = opened(fixture);
    const buttons = [{ action: "ap_1.approve", label: "Approve" }];

    const parts = instance.render({ text: "May I?", buttons });

    expect(instance.render({ text: "" })).toHaveLength(1);
    expect(JSON.stringify(parts)).toMatch(/Approve|approve/);
  });
}

function sending(
  fixture: ConformanceFixture,
  answers: NonNullable<ConformanceFixture["answers"]>,
): void {
  const { adapter, settings, address } = fixture;
  const options = () => ({ key: "k1", attempt: 1, signal: new AbortController().signal });
  const sent = async (answer: () => PlatformAnswer) => {
    const instance = opened(fixture, answer);
    const [part] = instance.render({ text: "Hello" });
    if (part === undefined) throw new Error("Nothing was rendered.");
    return await instance.send(part, address, options());
  };

  test.each(Object.entries(answers))(
    "an answer that means %s is understood as that",
    async (what, answer) => {
      const result = await sent(answer);

      expect(result.ok ? "ok" : result.class).toBe(what);
      if (result.ok) expect(result.receipt.id).not.toBe("");
    },
  );

  test("what was lost may have arrived, and what never left has not", async () => {
    const [unknown, never] = [await sent(() => lost(true)), await sent(() => lost(false))];

    expect(unknown).toMatchObject({ ok: false, class: "unknown" });
    expect(never).toMatchObject({ ok: false, class: "retry" });
  });

  test("throws for no answer, and takes none for sent that does not say so", async () => {
    const odd = ["", "<html>Bad gateway</html>", "null", "[]", "{}", '{"ok":false}', "{"];
    for (const status of [200, 204, 301, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503]) {
      for (const body of odd) {
        const result = await sent(() => jsonAnswer(status, body));
        if (status >= 300) expect(result.ok).toBe(false);
        if (!result.ok) expect(result.reason.length).toBeLessThanOrEqual(300);
      }
    }
  });

  test("believes no time to wait that is none", async () => {
    for (const after of ["0", "-1", "1e9", "soon", "Wed, 21 Oct 2065 07:28:00 GMT", ""]) {
      const result = await sent(() => jsonAnswer(429, "{}", { "retry-after": after }));

      expect(result.ok).toBe(false);
      const waitMs = result.ok ? undefined : result.retryAfterMs;
      expect(waitMs === undefined || (Number.isFinite(waitMs) && waitMs >= 0)).toBe(true);
    }
  });

  test("no secret is in what it says of a send", async () => {
    const secrets = adapter.secrets.flatMap((name) => [settings[name]].flat().map(String));
    const echo = JSON.stringify({
      ok: false,
      error: secrets.join(" "),
      message: secrets.join(" "),
    });
    for (const status of [200, 400, 401, 500]) {
      const result = await sent(() => jsonAnswer(status, echo));
      for (const secret of secrets.filter((one) => one.length > 5 && one !== "undefined")) {
        expect(JSON.stringify(result)).not.toContain(secret);
      }
    }
  });
}

function looking(fixture: ConformanceFixture): void {
  test("a look at an unreachable platform finds that, and closing ends it", async () => {
    const instance = opened(fixture);

    const findings = await instance.probe(AbortSignal.timeout(2_000));

    expect(findings.length).toBeGreaterThan(0);
    expect(findings.every(({ text: said }) => said !== "")).toBe(true);
    await instance.close();
  });
}

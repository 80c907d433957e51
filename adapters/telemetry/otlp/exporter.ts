// Sends the traces of ended runs to a collector: OTLP/HTTP in JSON, in batches, from a queue with an end. Runs
// never wait for it: what does not find room, or is refused, is counted and left out.
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp)

import type { Span } from "../../../actors/trace/span.ts";
import { RuntimeError, toErrorData } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log.ts";
import type { Egress } from "../../egress.ts";
import { otlpTraces, type TenantSpans } from "../../otlp-json.ts";
import type { EndedBatch, EndedRun } from "../ended-runs.ts";

/** What it has done since the start, in spans; of runs that were not read, one each. */
export interface ExportFigures {
  readonly sent: number;
  /** No room in the queue, or the collector was away for too long. */
  readonly dropped: number;
  /** The collector does not want them. */
  readonly refused: number;
}

/** Spans of a run; "later": it has not ended yet; null: there is nothing to send of it. */
export type ReadSpans = (run: EndedRun) => Promise<readonly Span[] | "later" | null>;

/** What it works with. */
export interface ExporterOptions {
  /** Where to, without `/v1/traces`. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly egress: Pick<Egress, "request">;
  readonly spansOf: ReadSpans;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
}

/** Limits of the export. */
export const exportLimits = {
  /** Runs that wait to be read. */
  queueMax: 10_000,
  /** An end is told before it is committed, and read after so long, ms; so often again. */
  settleMs: 1_000,
  readsMax: 5,
  /** Of one request. */
  batchRuns: 100,
  batchSpans: 2_000,
  /** Tries of a request, and the waits between them, ms. */
  triesMax: 6,
  backoffMs: 1_000,
  backoffMaxMs: 30_000,
  requestMs: 10_000,
  answerBytesMax: 65_536,
} as const;

type Limits = { readonly [Name in keyof typeof exportLimits]: number };

/** Statuses that the protocol says to try again. */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** An exporter that runs. */
export interface Exporter {
  take(batch: EndedBatch): void;
  figures(): ExportFigures;
  /** Sends what is read, if the collector takes it at once, and ends. */
  stop(): Promise<void>;
}

/** Starts it. */
export function createExporter(options: ExporterOptions): Exporter {
  return new OtlpExporter(options);
}

interface Waiting extends EndedRun {
  readonly fromMs: number;
  readonly reads: number;
}

class OtlpExporter implements Exporter {
  readonly #options: ExporterOptions;
  readonly #limits: Limits;
  readonly #url: string;
  readonly #queue: Waiting[] = [];
  readonly #stopping = new AbortController();
  #sent = 0;
  #dropped = 0;
  #refused = 0;
  #working: Promise<void> | null = null;
  #isAway = false;

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#limits = { ...exportLimits, ...options.limits };
    this.#url = `${options.endpoint.replace(/\/+$/, "")}/v1/traces`;
  }

  take({ runs, dropped }: EndedBatch): void {
    this.#dropped += dropped;
    if (this.#stopping.signal.aborted) return;
    // Told together they are read together, in one request.
    const fromMs = Date.now() + this.#limits.settleMs;
    for (const run of runs) this.#put({ ...run, reads: 0, fromMs });
    this.#working ??= this.#work().finally(() => {
      this.#working = null;
    });
  }

  figures(): ExportFigures {
    return { sent: this.#sent, dropped: this.#dropped, refused: this.#refused };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  #put(run: Waiting): void {
    if (this.#queue.length < this.#limits.queueMax) this.#queue.push(run);
    else this.#dropped += 1;
  }

  async #work(): Promise<void> {
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      await this.#wait(first.fromMs - Date.now());
      const batch = await this.#read();
      if (batch.length > 0) await this.#send(batch);
      if (this.#stopping.signal.aborted) {
        this.#dropped += this.#queue.splice(0).length;
      }
    }
  }

  /** The spans of the runs whose time has come, up to a batch. */
  async #read(): Promise<readonly TenantSpans[]> {
    const batch: TenantSpans[] = [];
    const { batchRuns, batchSpans, readsMax, settleMs } = this.#limits;
    let spans = 0;
    for (let read = 0; read < batchRuns && spans < batchSpans; read += 1) {
      const next = this.#queue[0];
      const isDue = next !== undefined && (next.fromMs <= Date.now() || this.#isStopping);
      if (!isDue) break;
      this.#queue.shift();
      const { tenant, run, reads } = next;
      // What cannot be read, because it is trimmed or its tenant is gone, is not sent.
      const found = await this.#options.spansOf({ tenant, run }).catch(() => null);
      if (found === null) continue;
      if (found === "later") {
        const again = { tenant, run, reads: reads + 1, fromMs: Date.now() + settleMs };
        if (again.reads < readsMax && !this.#isStopping) this.#put(again);
        else this.#dropped += 1;
        continue;
      }
      spans += found.length;
      if (found.length > 0) batch.push({ tenant, spans: found });
    }
    return batch;
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #send(batch: readonly TenantSpans[]): Promise<void> {
    const count = batch.reduce((sum, { spans }) => sum + spans.length, 0);
    const body = JSON.stringify(otlpTraces(batch));
    const { triesMax, backoffMs, backoffMaxMs } = this.#limits;
    for (let tried = 1; ; tried += 1) {
      const answer = await this.#post(body).catch((error: unknown) => ({ error }));
      if ("rejected" in answer) {
        this.#sent += count - answer.rejected;
        this.#refused += answer.rejected;
        this.#back();
        return;
      }
      if ("status" in answer && !RETRYABLE.has(answer.status)) {
        this.#refused += count;
        this.#away(`it answered ${answer.status}`);
        return;
      }
      this.#away(
        "status" in answer ? `it answered ${answer.status}` : toErrorData(answer.error).message,
      );
      if (tried >= triesMax || this.#isStopping) {
        this.#dropped += count;
        return;
      }
      const asked = "status" in answer ? answer.retryAfterMs : 0;
      const wishedMs = Math.max(asked, backoffMs * 2 ** (tried - 1));
      await this.#wait(Math.min(backoffMaxMs, wishedMs) * (0.75 + Math.random() / 4));
    }
  }

  async #post(
    body: string,
  ): Promise<
    { readonly rejected: number } | { readonly status: number; readonly retryAfterMs: number }
  > {
    const { requestMs: ms, answerBytesMax: bytesMax } = this.#limits;
    const response = await this.#options.egress.request({
      url: this.#url,
      method: "POST",
      headers: { ...this.#options.headers, "content-type": "application/json" },
      body,
      limits: { firstByteMs: ms, idleMs: ms, totalMs: ms, bytesMax },
      redirects: "show",
    });
    const { status } = response;
    if (status < 200 || status > 299) {
      response.discard();
      const seconds = Number(response.headers["retry-after"]);
      return { status, retryAfterMs: seconds > 0 ? seconds * 1_000 : 0 };
    }
    return { rejected: rejectedIn(await response.text()) };
  }

  /** Said once for each time that it goes away. */
  #away(why: string): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.log.write("warn", "The collector of traces does not take them.", { why });
  }

  #back(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#options.log.write("info", "The collector of traces takes them again.", {
      ...this.figures(),
    });
  }

  /** Ends at once when the exporter is stopped. */
  async #wait(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    if (ms <= 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms);
      timer.unref();
      signal.addEventListener("abort", done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
  }
}

/** Spans that a collector did not take of a request that it took. */
function rejectedIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text === "" ? "{}" : text) as {
      readonly partialSuccess?: { readonly rejectedSpans?: unknown } | null;
    };
    // 64-bit numbers are texts in this encoding.
    const count = Number(partialSuccess?.rejectedSpans ?? 0);
    return Number.isFinite(count) && count > 0 ? count : 0;
  } catch {
    return 0;
  }
}

/** The headers of a setting `name=value,name=value`. @throws CONFIG_INVALID. */
export function headersOf(setting: string | null): Readonly<Record<string, string>> {
  if (setting === null) return {};
  return Object.fromEntries(
    setting.split(",").map((pair) => {
      const [name = "", ...value] = pair.split("=");
      const text = value.join("=");
      // Its own error would repeat the value, which is a secret.
      if (/%(?![0-9a-f]{2})/i.test(text)) {
        const message = `telemetry.otlp.headers: the value of ${name} is no percent encoding.`;
        throw new RuntimeError("CONFIG_INVALID", message);
      }
      return [name.trim().toLowerCase(), decodeURIComponent(text)];
    }),
  );
}

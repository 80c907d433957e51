// What a run is given in place of its context where limits hold for it: what it starts is told of them. One
// place, so that no way of delegating is forgotten.

import type {
  Attempt,
  ChildSpec,
  Data,
  Outcome,
  RunContext,
  StepOptions,
} from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";
import type { Ports } from "../ports.ts";
import type { LimitScope } from "../records/constraints.ts";
import { within } from "./limited-ports.ts";
import { domainsOf } from "./scope.ts";

type Inner = RunContext<Ports>;

/** A context whose children are kept within the same limits. */
export class LimitedContext implements RunContext<Ports> {
  /** Of the runs above, outermost first, and its own. */
  readonly scopes: readonly LimitScope[];
  readonly ports: Ports;
  readonly #inner: Inner;

  constructor(inner: Inner, scopes: readonly LimitScope[]) {
    this.#inner = inner;
    this.scopes = scopes;
    const domains = domainsOf(scopes);
    this.ports = domains.length === 0 ? inner.ports : within(inner.ports, domains);
  }

  child(key: string, spec: ChildSpec): Promise<Outcome> {
    const input = { ...(spec.input as object), limits: this.scopes };
    return this.#inner.child(key, { ...spec, input });
  }

  get self(): Address {
    return this.#inner.self;
  }
  get id(): string {
    return this.#inner.id;
  }
  get tenant(): string {
    return this.#inner.tenant;
  }
  get trace(): string | undefined {
    return this.#inner.trace;
  }
  get deadlineMs(): number {
    return this.#inner.deadlineMs;
  }
  get signal(): AbortSignal {
    return this.#inner.signal;
  }
  step<T>(
    key: string,
    call: (attempt: Attempt) => Promise<T> | T,
    options?: StepOptions<T>,
  ): Promise<T> {
    return this.#inner.step(key, call, options);
  }
  cancelChild(key: string, reason: string): void {
    this.#inner.cancelChild(key, reason);
  }
  ask(...args: Parameters<Inner["ask"]>): Promise<Data> {
    return this.#inner.ask(...args);
  }
  send(...args: Parameters<Inner["send"]>): Promise<void> {
    return this.#inner.send(...args);
  }
  sendAtEnd(...args: Parameters<Inner["sendAtEnd"]>): void {
    this.#inner.sendAtEnd(...args);
  }
  sleep(...args: Parameters<Inner["sleep"]>): Promise<void> {
    return this.#inner.sleep(...args);
  }
  decision(...args: Parameters<Inner["decision"]>): Promise<Data> {
    return this.#inner.decision(...args);
  }
  steered(key: string): Promise<readonly Data[]> {
    return this.#inner.steered(key);
  }
  limitTime(...args: Parameters<Inner["limitTime"]>): void {
    this.#inner.limitTime(...args);
  }
  flushed(): Promise<void> {
    return this.#inner.flushed();
  }
  now(key: string): Promise<number> {
    return this.#inner.now(key);
  }
  emit(key: string, event: Data): void {
    this.#inner.emit(key, event);
  }
  emitted(key: string): Data {
    return this.#inner.emitted(key);
  }
  isStored(key: string): boolean {
    return this.#inner.isStored(key);
  }
  isCopied(key: string): boolean {
    return this.#inner.isCopied(key);
  }
  records(...args: Parameters<Inner["records"]>): ReturnType<Inner["records"]> {
    return this.#inner.records(...args);
  }
  row(table: string, id: string): Promise<Data> {
    return this.#inner.row(table, id);
  }
  atEnd(...args: Parameters<Inner["atEnd"]>): void {
    this.#inner.atEnd(...args);
  }
}

// Traffic between two threads. What one pass of the event loop sends to a peer is ONE array in one
// postMessage (structured clone is the cheapest codec for text), but for what begins a pass after a
// quiet one: that leaves at once. The receiver gives credits back as
// it takes items, so a flooded peer holds a bounded number of them; the rest waits at the sender,
// who sees its backlog and can refuse. One wire is both directions of one port.

import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { FairQueue } from "../shared/fair-queue.ts";
import type { WeightOf } from "../shared/tenant-weights.ts";

/** The sending half, as those who route see it. */
export interface Link<Out> {
  /** Sends in order, waiting for credit. */
  push(item: Out): void;
  /** Sends past those that wait for credit: control that must never wait. */
  pushUrgent(item: Out): void;
  /** Items that wait for credit, of all and of one tenant. */
  readonly backlog: number;
  backlogOf(tenant: string): number;
  /** Takes back what has not left this thread, oldest first. */
  takeUnsent(): Out[];
  /** Resolves when the other side has taken everything that has left this thread before this call. */
  settled(): Promise<void>;
  close(): void;
}

/** What crosses the port: items, credits given back, or a numbered mark and its echo. */
type Packet = readonly unknown[] | number | { readonly mark: number } | { readonly echo: number };

/** How items cross the port, if not as they are. Both sides must have the two halves of one. */
export interface WireCodec<Out, In> {
  pack(items: readonly Out[]): readonly unknown[];
  unpack(packed: readonly unknown[]): readonly In[];
}

/** How a wire is made. */
export interface WireOptions<Out, In> {
  readonly port: MessagePort;
  /** Called with each arrived array, in order of sending. */
  readonly receive: (items: readonly In[]) => void;
  readonly codec?: WireCodec<Out, In>;
  /** Items the other side may send before it has to wait. Must be the same on both sides. */
  readonly itemsMax: number;
  /** Whether taken items give credit now; when false they give it at the next `grant`. */
  readonly canGrant?: () => boolean;
  /** Whose an item is: tenants take turns where items wait for credit. Default: all are of one. */
  readonly tenantOf?: (item: Out) => string;
  /** Shares of a tenant there. Default: one each. */
  readonly weightOf?: WeightOf | undefined;
  /** Called when the backlog has become empty. */
  readonly drained?: (wire: Wire<Out, In>) => void;
  /** Called with an item that cannot cross, because it holds what is no plain data. Default: it is dropped. */
  readonly refused?: (item: Out, error: unknown) => void;
}

/**
 * A pass that carried no more than this is followed by one whose first item leaves when what is
 * running now has ended: a thread with little to say says it at once, a busy one once a pass.
 */
const QUIET_ITEMS = 1;

/** Node's queueMicrotask makes an object with a context for each call; a settled promise does not. */
const now = Promise.resolve();

/** One side of a port between two threads. */
export class Wire<Out, In> implements Link<Out> {
  readonly #options: WireOptions<Out, In>;
  #urgent: Out[] = [];
  /** Of this pass. */
  #waiting: Out[] = [];
  /** Of earlier passes, without credit. Whoever routes bounds it. */
  readonly #held: FairQueue<Out>;
  #credit: number;
  #owed = 0;
  #isScheduled = false;
  #isClosed = false;
  /** Items of this pass of the event loop and of the one before it. */
  #pushed = 0;
  #pushedBefore = 0;
  #marks = 0;
  readonly #marked = new Map<number, () => void>();
  /** Marks that wait behind items without credit. */
  #unsentMarks: number[] = [];
  readonly #flush = (): void => this.flush();
  readonly #endPass = (): void => {
    this.#isScheduled = false;
    this.#pushedBefore = this.#pushed;
    this.#pushed = 0;
    this.flush();
  };

  constructor(options: WireOptions<Out, In>) {
    const { weightOf } = options;
    this.#options = options;
    this.#held = new FairQueue({ max: Number.MAX_VALUE, tenantMax: Number.MAX_VALUE, weightOf });
    this.#credit = options.itemsMax;
    options.port.on("message", (packet: Packet) => this.#take(packet));
  }

  get backlog(): number {
    return this.#waiting.length + this.#held.size;
  }

  backlogOf(tenant: string): number {
    return this.#held.sizeOf(tenant);
  }

  push(item: Out): void {
    this.#waiting.push(item);
    this.#pushed += 1;
    this.#schedule();
  }

  pushUrgent(item: Out): void {
    this.#urgent.push(item);
    this.#schedule();
  }

  takeUnsent(): Out[] {
    const unsent = [...this.#urgent, ...this.#release(this.#held.size), ...this.#waiting];
    this.#urgent = [];
    this.#waiting = [];
    return unsent;
  }

  settled(): Promise<void> {
    this.flush();
    return this.#mark((mark) => this.#sendMark(mark));
  }

  /** Resolves when the other side has taken everything sent before, what waits for credit included. */
  emptied(): Promise<void> {
    return this.#mark((mark) => {
      this.#unsentMarks.push(mark);
      this.flush();
    });
  }

  /** Sends what may be sent now, without waiting for the end of this pass. */
  flush(): void {
    if (this.#isClosed) return;
    const { drained } = this.#options;
    const urgent = this.#urgent;
    if (urgent.length > 0) {
      this.#urgent = [];
      this.#post(urgent);
    }
    const { backlog } = this;
    if (backlog === 0) this.#sendMarks();
    if (backlog === 0) return;
    if (this.#held.size === 0 && backlog <= this.#credit) {
      // Emptied first: an item that is refused may be followed by a new one that says so.
      const items = this.#waiting;
      this.#waiting = [];
      this.#credit -= backlog;
      this.#post(items);
    } else {
      this.#hold();
      const items = this.#release(this.#credit);
      this.#credit -= items.length;
      if (items.length > 0) this.#post(items);
      if (this.#held.size > 0) return;
    }
    this.#sendMarks();
    drained?.(this);
  }

  #post(items: readonly Out[]): void {
    const { port, codec } = this.#options;
    try {
      port.postMessage(codec === undefined ? items : codec.pack(items));
    } catch (error) {
      this.#postApart(items, error);
    }
  }

  /** Nothing of an array crosses when one item of it cannot: the others go on without that one. */
  #postApart(items: readonly Out[], error: unknown): void {
    const [item] = items;
    if (item === undefined) return;
    if (items.length > 1) {
      for (const one of items) this.#post([one]);
      return;
    }
    this.#credit = Math.min(this.#credit + 1, this.#options.itemsMax);
    this.#options.refused?.(item, error);
  }

  #hold(): void {
    const { tenantOf } = this.#options;
    for (const item of this.#waiting) this.#held.push(tenantOf?.(item) ?? "", "", item);
    this.#waiting = [];
  }

  #release(count: number): Out[] {
    const items: Out[] = [];
    while (items.length < count) {
      const item = this.#held.shift();
      if (item === undefined) break;
      items.push(item);
    }
    return items;
  }

  /** Gives back the credit of everything taken. */
  grant(): void {
    if (this.#owed === 0 || this.#isClosed) return;
    this.#options.port.postMessage(this.#owed);
    this.#owed = 0;
  }

  /** Takes what has arrived and was not handled yet: the last words of a thread that has died. */
  takeArrived(): void {
    let arrived = receiveMessageOnPort(this.#options.port);
    while (arrived !== undefined) {
      this.#take(arrived.message as Packet);
      arrived = receiveMessageOnPort(this.#options.port);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#options.port.close();
    for (const resolve of this.#marked.values()) resolve();
    this.#marked.clear();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#endPass);
    if (this.#pushedBefore <= QUIET_ITEMS) void now.then(this.#flush);
  }

  #sendMarks(): void {
    if (this.#unsentMarks.length === 0) return;
    const marks = this.#unsentMarks;
    this.#unsentMarks = [];
    for (const mark of marks) this.#sendMark(mark);
  }

  #mark(send: (mark: number) => void): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#marks += 1;
    const mark = this.#marks;
    return new Promise((resolve) => {
      this.#marked.set(mark, resolve);
      send(mark);
    });
  }

  #sendMark(mark: number): void {
    this.#options.port.postMessage({ mark } satisfies Packet);
  }

  #take(packet: Packet): void {
    if (this.#isClosed) return;
    if (typeof packet === "number") {
      this.#credit = Math.min(this.#credit + packet, this.#options.itemsMax);
      if (this.backlog > 0) this.#schedule();
    } else if ("mark" in packet) {
      this.#options.port.postMessage({ echo: packet.mark } satisfies Packet);
    } else if ("echo" in packet) {
      this.#marked.get(packet.echo)?.();
      this.#marked.delete(packet.echo);
    } else {
      const { codec } = this.#options;
      const items = codec === undefined ? (packet as readonly In[]) : codec.unpack(packet);
      this.#owed += items.length;
      this.#options.receive(items);
      // A quarter at once: credits must not double the number of messages on the port.
      const { itemsMax, canGrant } = this.#options;
      if (this.#owed * 4 >= itemsMax && (canGrant === undefined || canGrant())) this.grant();
    }
  }
}

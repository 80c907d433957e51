// What stands between a script and its host, within the sandbox: JavaScript that is evaluated before the script
// is, and keeps what it needs of the language to itself. A script may spoil everything around it, and spoils
// only its own call: what comes out is one text, which the host reads as data.

/** What the guest side is given, as JSON. */
export interface GuestInput {
  /** What every clock of the script shows, ms. */
  readonly nowMs: number;
  /** 32 bits: the same give the same random numbers. */
  readonly seed: number;
  readonly args: unknown;
  /** Names that may be called. */
  readonly tools: readonly string[];
  /** What calls gave that were made before, in their order. */
  readonly answers: readonly GuestAnswer[];
  readonly limits: {
    readonly calls: number;
    readonly callChars: number;
    readonly resultChars: number;
    readonly logLines: number;
    readonly logChars: number;
    readonly errorChars: number;
  };
}

/** What a call gave. Name and arguments are those it was made with: a script that asks something else is another one. */
export interface GuestAnswer {
  readonly name: string;
  readonly arguments: string;
  readonly value: unknown;
  /** Set when it failed. */
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * An expression that gives a function of the text of a `GuestInput`: `start(space)` runs the default export of a
 * module, `state()` gives what came of it as JSON, `told(error)` what was thrown.
 */
export const guestSource = `(function (text) {
  "use strict";
  const { parse, stringify } = JSON;
  const P = Promise;
  const E = Error;
  const then = P.prototype.then;
  const apply = Reflect.apply;
  const slice = String.prototype.slice;
  const S = String;
  const { nowMs, seed, args, tools, answers, limits } = parse(text);

  const D = Date;
  const construct = Reflect.construct;
  function FixedDate(...of) {
    if (new.target === undefined) return new D(nowMs).toString();
    return construct(D, of.length === 0 ? [nowMs] : of, new.target);
  }
  FixedDate.prototype = D.prototype;
  for (const [name, value] of [["now", () => nowMs], ["parse", D.parse], ["UTC", D.UTC]]) {
    Object.defineProperty(FixedDate, name, { value, writable: true, configurable: true });
  }
  Object.defineProperty(FixedDate, "name", { value: "Date", configurable: true });
  D.prototype.constructor = FixedDate;
  globalThis.Date = FixedDate;
  // Mulberry32.
  let dice = seed;
  Math.random = () => {
    dice = (dice + 0x6d2b79f5) | 0;
    let mixed = Math_imul(dice ^ (dice >>> 15), 1 | dice);
    mixed = (mixed + Math_imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const Math_imul = Math.imul;
  for (const name of ["performance", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry"]) {
    delete globalThis[name];
  }

  const clip = (said, charsMax) => {
    const whole = typeof said === "string" ? said : S(said);
    return whole.length > charsMax ? apply(slice, whole, [0, charsMax]) : whole;
  };
  const told = (error) => {
    const said = { name: "Error", message: "", stack: "" };
    try {
      if (error === null) said.name = "null";
      else if (typeof error !== "object") said.message = clip(error, limits.errorChars);
      else {
        for (const name of ["name", "message", "stack"]) said[name] = clip(error[name] ?? "", limits.errorChars);
      }
    } catch {
      said.message = "What was thrown cannot be read.";
    }
    return '{"name":' + stringify(said.name) + ',"message":' + stringify(said.message) +
      ',"stack":' + stringify(said.stack) + "}";
  };

  let state = "running";
  let value;
  let failure = "";
  let made = 0;
  let pending = 0;
  let pendingText = "";
  let lines = 0;
  let chars = 0;
  let logText = "";
  const fail = (error) => {
    if (state !== "running") return;
    state = "failed";
    failure = told(error);
  };

  const call = (name, given) => {
    if (typeof name !== "string") throw new E("host.call(name, arguments): the name is a text.");
    let isGranted = false;
    for (let at = 0; at < tools.length; at += 1) if (tools[at] === name) isGranted = true;
    if (!isGranted) throw new E("The tool " + clip(name, 100) + " is not granted to this script.");
    const sent = stringify(given === undefined ? {} : given);
    if (typeof sent !== "string") throw new E("The arguments of " + name + " are no JSON.");
    if (sent.length > limits.callChars) {
      throw new E("The arguments of " + name + " have " + sent.length + " characters; at most " + limits.callChars + ".");
    }
    if (made >= limits.calls) throw new E("A script makes at most " + limits.calls + " calls.");
    const at = made;
    made += 1;
    if (at < answers.length) {
      const answer = answers[at];
      if (answer.name !== name || answer.arguments !== sent) {
        const changed = new E("Call " + (at + 1) + " is another one than when it was made: the script has changed.");
        fail(changed);
        throw changed;
      }
      if (answer.error === undefined) return new P((resolve) => resolve(answer.value));
      const error = new E(answer.error.message);
      error.code = answer.error.code;
      return new P((_, reject) => reject(error));
    }
    pendingText += (pending === 0 ? "" : ",") + '{"name":' + stringify(name) + ',"arguments":' + stringify(sent) + "}";
    pending += 1;
    return new P(() => undefined);
  };
  const log = (...said) => {
    if (lines >= limits.logLines || chars >= limits.logChars) return;
    let line = "";
    for (let at = 0; at < said.length; at += 1) {
      const one = said[at];
      const word = typeof one === "object" && one !== null ? stringify(one) : S(one);
      line += (at === 0 ? "" : " ") + clip(word ?? "", limits.logChars);
    }
    line = clip(line, limits.logChars - chars);
    logText += (lines === 0 ? "" : ",") + stringify(line);
    lines += 1;
    chars += line.length;
  };
  const named = {};
  for (let at = 0; at < tools.length; at += 1) {
    const name = tools[at];
    Object.defineProperty(named, name, { value: (given) => call(name, given), enumerable: true });
  }
  const host = Object.freeze({ call, log, tools: Object.freeze(named) });

  const begin = (space) => {
    const main = space.default;
    if (typeof main !== "function") {
      fail(new E("The script has no default export that is a function: export default async function (args, host) { ... }"));
      return;
    }
    const run = new P((resolve) => resolve(main(args, host)));
    apply(then, run, [
      (given) => {
        if (state !== "running") return;
        state = "done";
        value = given;
      },
      fail,
    ]);
  };

  const resultText = () => {
    const said = stringify(value);
    return typeof said === "string" ? said : "null";
  };
  const stateText = () => {
    if (state === "done" && pending > 0) {
      state = "running";
      fail(new E("The script ended before " + pending + " of its calls had an answer: await them."));
    }
    if (state === "done") {
      const said = resultText();
      if (said.length <= limits.resultChars) return '{"type":"done","value":' + said;
      state = "running";
      fail(new E("The result has " + said.length + " characters as JSON; at most " + limits.resultChars + "."));
    }
    if (state === "running" && pending > 0) return '{"type":"calls","calls":[' + pendingText + "]";
    if (state === "running") fail(new E("The script waits for something that never comes: only calls of tools can be awaited."));
    return '{"type":"failed","error":' + failure;
  };
  return {
    told,
    start: (space) => {
      if (space instanceof P) apply(then, space, [begin, fail]);
      else begin(space);
    },
    state: () => {
      let said;
      try {
        said = stateText();
      } catch (error) {
        state = "running";
        fail(error);
        said = '{"type":"failed","error":' + failure;
      }
      return said + ',"logs":[' + logText + "]}";
    },
    exports: (space) => {
      if (space instanceof P) throw new E("It waits for something outside of its function, which a file cannot.");
      const { description, parameters, permissions, default: main } = space;
      return stringify({ description, parameters, permissions, isCallable: typeof main === "function" });
    },
  };
})`;

// Ways out of JavaScript sandboxes, and ways to bring a host down, from public write-ups: the advisories of vm2
// (GHSA-whpj-8f3w-67p5, GHSA-xj72-wvfv-8985, GHSA-ch3r-j5x3-6q2m, GHSA-g644-9gfx-q4q4, GHSA-cchq-frgv-rjh5,
// GHSA-p5gc-c584-jj6v), safe-eval, static-eval, realms-shim and Figma's, n8n's expressions, isolated-vm's notes on
// references, QuickJS's issues on stack and regular expressions. Each with what it comes to here.

import type { ScriptFault } from "../../actors/tools/script-run.ts";

/** One attempt. */
export interface Escape {
  readonly name: string;
  /** Body of the function, or a whole module. */
  readonly body?: string;
  readonly code?: string;
  /** What the script returns when nothing came of it. */
  readonly gives?: unknown;
  /** Or how its call fails. */
  readonly fails?: ScriptFault | RegExp;
  /** Takes this time, ms, where it is to be cut. */
  readonly timeoutMs?: number;
}

/** Ways to the host's objects. */
export const reaching: readonly Escape[] = [
  {
    name: "the constructor of this",
    body: "return globalThis.constructor.constructor('return typeof process')();",
    gives: "undefined",
  },
  {
    name: "the constructor of a function of the host",
    body: "return host.call.constructor('return process.mainModule.require(\"child_process\")')();",
    fails: /'?process'? is not defined/,
  },
  {
    name: "the constructor of what was handed over",
    body: "return args.constructor.constructor('return [typeof process, typeof require]')();",
    gives: ["undefined", "undefined"],
  },
  {
    name: "the constructor of an error that the host throws",
    body: `try { host.call("other", {}); } catch (error) {
      return error.constructor.constructor("return typeof process + typeof globalThis.host")();
    }`,
    gives: "undefinedundefined",
  },
  {
    name: "the constructor of a promise of the host",
    body: "return host.call('granted', {}).constructor === Promise && Promise.constructor('return typeof process')();",
    fails: /ended before 1 of its calls/,
  },
  {
    name: "the constructors of async functions and generators",
    body: `const made = [async () => {}, function* () {}, async function* () {}].map((one) => one.constructor);
      return [await made[0]("return typeof process")(), made[1]("yield typeof process")().next().value,
        (await made[2]("yield typeof process")().next()).value];`,
    gives: ["undefined", "undefined", "undefined"],
  },
  {
    name: "call sites of a stack",
    body: `Error.prepareStackTrace = (_, sites) => sites;
      const { stack } = new Error("x");
      return Array.isArray(stack) ? stack.map((one) => typeof one.getThis?.()) .includes("object") : false;`,
    gives: false,
  },
  {
    name: "an overflow of the host's own stack while it works",
    body: `const deep = () => { try { deep(); } catch (error) { host.call("other", {}); } };
      try { deep(); } catch (error) {
        return error.constructor.constructor("return typeof process")();
      }`,
    gives: "undefined",
  },
  {
    name: "the caller of a function",
    body: `function inner() { return typeof inner.caller; }
      try { return inner(); } catch (error) { return error.name; }`,
    gives: "TypeError",
  },
  {
    name: "eval and Function, direct and indirect",
    body: "return [eval('typeof process'), (0, eval)('typeof require'), new Function('return typeof module')()];",
    gives: ["undefined", "undefined", "undefined"],
  },
  {
    name: "names of hosts",
    body: `const names = ["process", "require", "module", "exports", "Buffer", "global", "fetch", "WebSocket",
        "XMLHttpRequest", "WebAssembly", "Worker", "setTimeout", "setInterval", "queueMicrotask", "structuredClone",
        "performance", "Deno", "Bun", "std", "os", "bjson", "console", "print", "scriptArgs", "navigator", "crypto",
        "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry", "host", "args"];
      return names.filter((name) => name in globalThis);`,
    gives: [],
  },
  {
    name: "import() of modules of Node",
    body: "return await import('node:fs');",
    fails: /could not load module/,
  },
  {
    name: "import() of a data address",
    body: "return await import('data:text/javascript,export default 1');",
    fails: /could not load module/,
  },
  {
    name: "import of the engine's own libraries",
    code: "import * as os from 'os'; export default () => typeof os.exec;",
    fails: /could not load module/,
  },
  {
    name: "import of a file",
    code: "import text from '/etc/passwd' with { type: 'text' }; export default () => text;",
    fails: /could not load module|SyntaxError/,
  },
  {
    name: "the address of the module",
    body: "return JSON.stringify(import.meta).includes('/');",
    gives: false,
  },
  {
    name: "paths in stacks",
    body: `try { null.x; } catch (error) { return /node|file:|dist|adapters|wasm|\\//.test(error.stack); }`,
    gives: false,
  },
  {
    name: "a module that ends the wrapping it is put in",
    code: "export default () => 1; }); process.exit(1); (function () {",
    fails: /SyntaxError/,
  },
  {
    name: "species of a promise",
    body: `let seen = "nothing";
      class Taken extends Promise { constructor(run) { super((yes, no) => run((one) => { seen = typeof one; yes(one); }, no)); } }
      Object.defineProperty(Promise, Symbol.species, { get: () => Taken });
      await Promise.resolve(1).then(() => 2);
      return seen === "nothing" ? seen : Taken.constructor("return typeof process")();`,
    gives: "undefined",
  },
  {
    name: "the prototype of the host's tools",
    body: `host.tools.__proto__.constructor.prototype.taken = true;
      return [Object.isFrozen(host), Object.isFrozen(host.tools), ({}).taken];`,
    gives: [true, true, true],
  },
  {
    name: "another function in the place of a tool",
    body: "host.tools.granted = () => 'mine'; return 'changed';",
    fails: /TypeError/,
  },
];

/** Ways to have calls made that were not granted. */
export const granting: readonly Escape[] = [
  {
    name: "a tool by a name that was not granted",
    body: "return await host.call('other');",
    fails: /not granted/,
  },
  {
    name: "a name that changes between the check and the call",
    body: `let asked = 0;
      return await host.call({ toString: () => (asked++ === 0 ? "granted" : "other") }, {});`,
    fails: /the name is a text/,
  },
  {
    name: "a list that says it has everything",
    body: `Array.prototype.includes = Array.prototype.some = () => true;
      Array.prototype.indexOf = () => 0;
      return await host.call("other", {});`,
    fails: /not granted/,
  },
  {
    name: "names through the prototype of the list",
    body: `Object.defineProperty(Array.prototype, 1, { value: "other" });
      Object.defineProperty(Object.prototype, "other", { value: () => "mine" });
      return await host.call("other", {});`,
    fails: /not granted/,
  },
  {
    name: "the text of the outcome by one's own JSON.stringify",
    body: `JSON.stringify = () => '{"type":"calls","calls":[{"name":"other","arguments":"{}"}],"logs":[]}';
      return "honest";`,
    gives: "honest",
  },
  {
    name: "the text of the outcome by toJSON of every object and text",
    body: `const calls = { type: "calls", calls: [{ name: "other", arguments: "{}" }] };
      for (const made of [Object, Array, String, Number]) made.prototype.toJSON = () => calls;
      return "honest";`,
    gives: "honest",
  },
  {
    name: "texts that end the text of the outcome",
    body: `return '","calls":[{"name":"other","arguments":"{}"}],"type":"calls","x":"';`,
    gives: '","calls":[{"name":"other","arguments":"{}"}],"type":"calls","x":"',
  },
  {
    name: "arguments that end the text of a call",
    body: `host.log('"],"type":"calls","calls":[{"name":"other","arguments":"{}"}],"x":["');
      return "honest";`,
    gives: "honest",
  },
  {
    name: "more calls than a script makes",
    body: "for (;;) host.call('granted', {});",
    fails: /at most 32 calls/,
  },
  {
    name: "arguments of a call that are too large",
    body: "return await host.call('granted', { text: 'x'.repeat(70_000) });",
    fails: /at most 65536/,
  },
];

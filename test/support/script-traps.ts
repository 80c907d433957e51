// More of what breaks sandboxes (see script-escapes.ts): traps in what is handed over, and ways to take time or memory
// from others. Beside the write-ups named there: the issues of QuickJS on stack, sorting and regular expressions.

import type { Escape } from "./script-escapes.ts";

const CUT_MS = 150;

/** Traps in what is handed over. */
export const trapping: readonly Escape[] = [
  {
    name: "__proto__ in a result",
    body: `return JSON.parse('{"__proto__": {"polluted": true}, "a": {"__proto__": {"polluted": true}, "b": 1}}');`,
    gives: { a: { b: 1 } },
  },
  {
    name: "constructor.prototype in a result",
    body: `return JSON.parse('{"constructor": {"prototype": {"polluted": true}}}');`,
    gives: { constructor: { prototype: { polluted: true } } },
  },
  {
    name: "prototypes of the sandbox",
    body: `Object.prototype.polluted = Array.prototype.polluted = Function.prototype.polluted = true;
      return Object.keys({}).length;`,
    gives: 0,
  },
  {
    name: "toJSON that gives something else",
    body: "return { toJSON: () => ({ other: 1, toJSON: 2 }) };",
    gives: { other: 1, toJSON: 2 },
  },
  {
    name: "toJSON without an end",
    body: "return { toJSON() { for (;;); } };",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "a getter without an end",
    body: "return { get a() { for (;;); } };",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "a getter that throws",
    body: "return { get a() { throw new Error('caught you'); } };",
    fails: /caught you/,
  },
  {
    name: "a proxy with members without an end",
    body: `return new Proxy({}, { ownKeys: () => { for (;;); } });`,
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "a proxy that is each of its own members",
    body: `const own = new Proxy({}, { ownKeys: () => ["a"],
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }), get: () => own });
      return own;`,
    fails: /circular|overflow|nested/,
  },
  { name: "a thenable", body: "return { then: (done) => done({ a: 1 }) };", gives: { a: 1 } },
  {
    name: "a thenable that never comes",
    body: "return { then: () => undefined };",
    fails: /never comes/,
  },
  {
    name: "a module that is thenable",
    code: "export function then(done) { done({ default: () => 'taken' }); } export default () => 'own';",
    gives: "own",
  },
  {
    name: "a default export that is a proxy of a function",
    code: "export default new Proxy(function () {}, { apply: (of, self, given) => given.length });",
    gives: 2,
  },
  {
    name: "a result that holds itself",
    body: "const a = {}; a.a = a; return a;",
    fails: /circular/,
  },
  { name: "a big integer", body: "return 1n;", fails: /TypeError/ },
  { name: "a symbol", body: "return Symbol('x');", gives: null },
  { name: "a function", body: "return () => 1;", gives: null },
  {
    name: "members by symbols",
    body: "return { [Symbol.toPrimitive]: () => 1, [Symbol.toStringTag]: 'x', a: 1 };",
    gives: { a: 1 },
  },
  {
    name: "half of a pair of surrogates, NUL and line separators",
    body: "return '\\ud800|\\u0000|\\u2028';",
    gives: "\ud800|\u0000|\u2028",
  },
  {
    name: "an error that cannot be read",
    body: "throw { get name() { throw 1; }, get message() { throw 2; }, get stack() { throw 3; } };",
    fails: /cannot be read/,
  },
  {
    name: "an error whose message is a trap",
    body: "throw { message: { toString() { for (;;); } } };",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "an error that looks like one of the host",
    body: "throw Object.assign(new Error('x'), { code: 'INTERNAL', retryable: true, status: 200 });",
    fails: /^Error: x/,
  },
  {
    name: "a text that is logged without an end",
    body: "for (let at = 0; at < 5_000; at += 1) host.log('x'.repeat(5_000)); return 'quiet';",
    gives: "quiet",
  },
  {
    name: "what is logged is a trap",
    body: "host.log({ toJSON() { throw new Error('logged') } }); return 1;",
    fails: /logged/,
  },
  {
    name: "a promise that overwrites then",
    body: "Promise.prototype.then = () => { throw new Error('mine'); }; return 1;",
    fails: /mine/,
  },
];

/** Ways to take time or memory from others. */
export const exhausting: readonly Escape[] = [
  { name: "a loop", body: "for (;;);", fails: "DEADLINE", timeoutMs: CUT_MS },
  {
    name: "a loop at the top of the module",
    code: "for (;;);\nexport default () => 1;",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "a loop that catches its end",
    body: "for (;;) { try { for (;;); } catch { continue; } finally { for (;;); } }",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "microtasks without an end",
    body: "const again = () => Promise.resolve().then(again); await again();",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "microtasks beside a result",
    body: "const again = () => Promise.resolve().then(again); again(); return 1;",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "an async iterator without an end",
    body: "async function* all() { for (;;) yield 1; } for await (const one of all());",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "a regular expression that goes back",
    body: "return /^(a+)+$/.test('a'.repeat(40) + 'b');",
    fails: "DEADLINE",
    timeoutMs: CUT_MS,
  },
  {
    name: "a promise that never comes",
    body: "await new Promise(() => undefined);",
    fails: /never comes/,
  },
  {
    name: "recursion",
    body: "const deep = () => deep() + 1; return deep();",
    fails: /stack overflow/,
  },
  {
    name: "recursion through a getter and a proxy",
    body: "let one = {}; for (let at = 0; at < 1e5; at += 1) one = new Proxy(one, {}); return one.x;",
    fails: /overflow|nested/,
  },
  {
    name: "recursion in the engine: JSON",
    body: "return JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)).length;",
    fails: /overflow|nested/,
  },
  {
    name: "recursion in the engine: source",
    body: "return eval('('.repeat(1e5) + '1' + ')'.repeat(1e5));",
    fails: /overflow|nested/,
  },
  {
    name: "recursion in the engine: a regular expression",
    body: "return new RegExp('(?:'.repeat(1e5) + ')'.repeat(1e5)).test('');",
    fails: /overflow|nested|SyntaxError/,
  },
  {
    name: "a result that is nested deeply",
    body: "let one = []; for (let at = 0; at < 200; at += 1) one = [one]; return one;",
    fails: /more than 64 levels/,
  },
  {
    name: "a result that is too large",
    body: "return 'x'.repeat(300_000);",
    fails: /at most 262144/,
  },
  { name: "a huge text", body: "return 'x'.repeat(2 ** 29).length;", fails: "TASK_MEMORY" },
  {
    name: "a text that doubles",
    body: "let one = 'x'; for (;;) one += one;",
    fails: /string too long|memory/,
  },
  {
    name: "a text that doubles and is flattened",
    body: "let one = 'x'; for (;;) { one += one; one.charCodeAt(one.length - 1); }",
    fails: /string too long|memory/,
  },
  {
    name: "a huge buffer",
    body: "return new ArrayBuffer(2 ** 30).byteLength;",
    fails: "TASK_MEMORY",
  },
  {
    name: "lists without an end",
    body: "const all = []; for (;;) all.push(new Array(1_000).fill(0));",
    fails: "TASK_MEMORY",
  },
  {
    name: "a list that is filled",
    body: "return new Array(2 ** 32 - 1).fill(1).length;",
    fails: /memory|invalid array length/i,
  },
  {
    name: "maps and members without an end",
    body: "const all = new Map(); for (let at = 0; ; at += 1) all.set(at, { ['m' + at]: at });",
    fails: "TASK_MEMORY",
  },
  {
    name: "memory that is asked for again and again",
    body: `for (let at = 0; at < 50; at += 1) { try { new ArrayBuffer(2 ** 30); } catch {} }
      return "still here";`,
    gives: "still here",
  },
  {
    name: "many arguments",
    body: "return Math.max(...new Array(1e6).fill(1));",
    fails: /too many arguments|memory|overflow/,
  },
  {
    name: "functions bound to each other",
    body: "let one = () => 1; for (let at = 0; at < 1e5; at += 1) one = one.bind(null); return one();",
    fails: /memory|overflow|nested/,
  },
  {
    name: "a big integer of a billion digits",
    body: "return String(2n ** (10n ** 9n)).length;",
    fails: /BigInt is too large|memory/,
  },
  {
    name: "reads and writes beside a buffer",
    body: `const bytes = new Uint8Array(new ArrayBuffer(8), 4);
      bytes[2 ** 31] = 1; bytes[-1] = 1;
      const view = new DataView(bytes.buffer);
      try { view.setUint32(6, 1); } catch (error) { return [bytes[2 ** 31] ?? null, error.name]; }`,
    gives: [null, "RangeError"],
  },
  {
    name: "a buffer that is made smaller while it is sorted",
    body: `const bytes = new Uint8Array(new ArrayBuffer(1_024, { maxByteLength: 4_096 }));
      bytes.sort((a, b) => { bytes.buffer.resize?.(0); return a - b; });
      return "sorted";`,
    gives: "sorted",
  },
  {
    name: "a list that changes while it is sorted and joined",
    body: `const all = Array.from({ length: 100 }, (_, at) => at);
      all.sort(() => { all.length = 0; return 1; });
      return [1, { toString() { all.length = 1e5; return "x"; } }].concat(all.slice(0, 1)).join("").slice(0, 2);`,
    gives: "1x",
  },
];

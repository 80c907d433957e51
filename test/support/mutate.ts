// Files as accidents and strangers make them, from a seed: bits flipped, ends cut off, blocks moved,
// numbers that claim too much, parts of other files spliced in.

/** Gives numbers in [0, 1). */
type Random = () => number;

const MOST_CHANGES = 5;
const BLOCK_SHARE = 0.2;
const claims = ["0", "-1", "65535", "4294967295", "99999999999999999999", "1e308"];
/** Bytes that many formats give a meaning. */
const marks = [
  ...[
    "\0",
    "\xff",
    "\xff\xfe",
    "\xfe\xff",
    "\xef\xbb\xbf",
    "%PDF-1.7\n",
    "PK\x03\x04",
    "PK\x01\x02",
  ],
  ...[
    "PK\x05\x06",
    "endobj\n",
    "stream\n",
    "1 0 R ",
    "<<",
    ">>",
    "xref\n",
    "<![CDATA[",
    "<!--",
    "-->",
  ],
  ...[
    "<table>",
    "<pre>",
    "<w:tbl>",
    "</",
    "&#x",
    "```\n",
    "~~~",
    "---\n",
    "| a |\n|---|\n",
    '"',
    "\\",
  ],
  ...["{", "[", "\r", "\r\n", "\t", ",", ";", "\u2028", "\xf0\x9f\x98", "\xed\xa0\x80", "\x1b[0m"],
];

/** One of `files`, changed. The same random numbers make the same file. */
export function mutated(files: readonly Uint8Array[], random: Random): Buffer {
  const at = (length: number): number => Math.floor(random() * length);
  const of = (): Buffer => Buffer.from(files[at(files.length)] ?? new Uint8Array());
  let bytes = of();
  const changes = 1 + at(MOST_CHANGES);
  for (let change = 0; change < changes; change += 1) bytes = changed(bytes, { random, at, of });
  return bytes;
}

interface Dice {
  readonly random: Random;
  /** A place in so many. */
  readonly at: (length: number) => number;
  /** Another file. */
  readonly of: () => Buffer;
}

function changed(bytes: Buffer, { random, at, of }: Dice): Buffer {
  const from = at(bytes.length + 1);
  const to = Math.min(bytes.length, from + at(Math.ceil(bytes.length * BLOCK_SHARE) + 1));
  const before = bytes.subarray(0, from);
  const block = bytes.subarray(from, to);
  const after = bytes.subarray(to);
  const changes: readonly (() => Buffer)[] = [
    () => flipped(bytes, { random, at, of }),
    () => flipped(bytes, { random, at, of }),
    () => Buffer.from(before),
    () => Buffer.concat([before, after]),
    () => Buffer.concat([before, block, block, after]),
    () => Buffer.concat([block, before, after]),
    () => Buffer.concat([before, after, block]),
    () => Buffer.concat([before, Buffer.from(marks[at(marks.length)] ?? "", "latin1"), after]),
    () => Buffer.concat([before, slice(of(), at), after]),
    () => Buffer.concat([slice(of(), at), bytes]),
    () => Buffer.concat([before, Buffer.alloc(at(300), at(256)), after]),
    () => claimed(bytes, at),
    () => claimed(bytes, at),
  ];
  return changes[at(changes.length)]?.() ?? bytes;
}

function flipped(bytes: Buffer, { at }: Dice): Buffer {
  const copy = Buffer.from(bytes);
  const flips = 1 + at(20);
  for (let flip = 0; flip < flips && copy.length > 0; flip += 1) {
    const place = at(copy.length);
    copy[place] = (copy[place] ?? 0) ^ (1 << at(8));
  }
  return copy;
}

function slice(bytes: Buffer, at: Dice["at"]): Buffer {
  const from = at(bytes.length);
  return bytes.subarray(from, from + at(2_000));
}

/** A number in the file's own words says something else. */
function claimed(bytes: Buffer, at: Dice["at"]): Buffer {
  const text = bytes.toString("latin1");
  const numbers = [...text.matchAll(/\d+/g)];
  const one = numbers[at(numbers.length)];
  if (one === undefined) return bytes;
  const end = one.index + one[0].length;
  return Buffer.from(
    text.slice(0, one.index) + claims[at(claims.length)] + text.slice(end),
    "latin1",
  );
}

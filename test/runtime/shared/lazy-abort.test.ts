// The abort whose signal is made when it is asked for.

import { expect, test } from "vitest";
import { LazyAbort } from "../../../runtime/shared/lazy-abort.ts";

test("its signal aborts with it, whether it was asked for before or after, and once", () => {
  const abort = new LazyAbort();
  const heard: unknown[] = [];
  abort.signal.addEventListener("abort", () => heard.push(abort.signal.reason));

  abort.abort("first");
  abort.abort("second");
  const late = new LazyAbort();
  late.abort("late");

  expect(heard).toEqual(["first"]);
  expect([late.signal.aborted, late.signal.reason]).toEqual([true, "late"]);
  expect(abort.reason).toBe("first");
});

test("those who listen are called once and in order, without who has left", () => {
  const abort = new LazyAbort();
  const heard: string[] = [];
  const gone = (): unknown => heard.push("gone");
  abort.onAbort(() => heard.push("a"));
  abort.onAbort(gone);
  abort.onAbort(() => heard.push("b"));
  abort.signal.addEventListener("abort", () => heard.push("signal"));
  abort.off(gone);

  abort.abort("over");
  abort.abort("over");

  expect(heard).toEqual(["a", "b", "signal"]);
});

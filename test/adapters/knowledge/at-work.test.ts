// Work of a job that goes on after its step was cut.

import { expect, test } from "vitest";
import { AtWork } from "../../../adapters/knowledge/at-work.ts";

test("whoever clears up after a job waits for what is under way for it, and for no other job", async () => {
  const atWork = new AtWork();
  const said: string[] = [];
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  const cut = atWork.run("job", () => promise).catch(() => said.push("cut"));
  void atWork.run("other", () => new Promise(() => undefined));

  const ended = atWork.ended("job").then(() => said.push("ended"));
  await atWork.ended("nobody");
  said.push("before");
  reject(new Error("It was cut."));
  await Promise.all([cut, ended]);
  await atWork.ended("job");

  expect(said).toEqual(["before", "cut", "ended"]);
});

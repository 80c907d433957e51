// The compute pool's functions on the calling thread, with data cloned as between threads.

import { screenTaskName } from "../../actors/guard/task-name.ts";
import type { Compute } from "../../actors/ports.ts";
import {
  analyzeTable,
  embedTexts,
  layoutPicture,
  pageText,
  parseKnowledge,
  prepareTexts,
  readSkills,
  screenSaid,
  searchFolders,
  splitTexts,
} from "../../adapters/compute-tasks.ts";
import { layoutTaskName } from "../../adapters/graphs/task-name.ts";
import { readSkillTaskName } from "../../adapters/skills/reading.ts";

const tasks: Readonly<Record<string, (input: unknown) => unknown>> = {
  [screenTaskName]: screenSaid,
  "files.search": searchFolders,
  "files.analyze": analyzeTable,
  "web.page-text": pageText,
  "knowledge.parse": parseKnowledge,
  [layoutTaskName]: layoutPicture,
  [readSkillTaskName]: readSkills,
  "knowledge.split": splitTexts,
  "knowledge.embed": embedTexts,
  "knowledge.prepare": prepareTexts,
};

/** A pool without threads. */
export const inlineCompute: Compute = {
  async run(task, input) {
    const perform = tasks[task];
    if (perform === undefined) throw new Error(`The product's pool has no task ${task}.`);
    return structuredClone(await perform(structuredClone(input)));
  },
};

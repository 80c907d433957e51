// `troupe help`: the command table in words.

import type { CommandTable } from "./command.ts";

/** Prints all commands, or the usage of the one named. */
export function run(args: readonly string[], commands: CommandTable): Promise<number> {
  const [name] = args;
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (name !== undefined && command === undefined) {
    console.error(`troupe: there is no command "${name}"; troupe help lists them.`);
    return Promise.resolve(1);
  }
  if (command) {
    console.log(`${command.summary}\n\n  ${command.usage}`);
    return Promise.resolve(0);
  }
  console.log("troupe: a server for agents\n");
  for (const [each, { summary }] of Object.entries(commands)) {
    console.log(`  troupe ${each.padEnd(9)} ${summary}`);
  }
  console.log("\nSettings: adapters/cli/configuration.md");
  return Promise.resolve(0);
}

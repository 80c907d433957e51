// What a command of `troupe` is. The commands there are: commands.ts.

/** What a command's file exports. Resolves to the exit code, or null when it keeps running. */
export interface CommandModule {
  run(args: readonly string[], table: CommandTable): Promise<number | null>;
}

/** Commands by name. */
export type CommandTable = Readonly<Record<string, Command>>;

/** One command; `summary` and `usage` are what help prints. */
export interface Command {
  readonly summary: string;
  readonly usage: string;
  load(): Promise<CommandModule>;
}

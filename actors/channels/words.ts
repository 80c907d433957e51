// What a session says by itself, in the languages it knows. Agents speak as they were told to; these are the
// few sentences around them.

/** What `/status` says. */
export interface StatusSaid {
  /** By name. */
  readonly agent: string;
  /** Of the session; null: it has just begun. */
  readonly age: string | null;
  readonly underWay: number;
  /** The oldest of them. */
  readonly underWayFor: string | null;
  readonly waiting: number;
  /** Each with its id. */
  readonly approvals: readonly string[];
  /** That are not named. */
  readonly moreApprovals: number;
  /** What is under way longest waits until a target is back. */
  readonly isTargetAway: boolean;
}

/** The sentences. */
export interface Words {
  readonly begun: string;
  stopped(runs: number): string;
  agentIs(name: string): string;
  agents(names: readonly string[]): string;
  /** A time, rounded down to its largest unit. */
  age(ms: number): string;
  status(of: StatusSaid): string;
  readonly help: string;
  failed(reason: string): string;
  /** Behind what there is of an answer. */
  cut(reason: string): string;
  readonly empty: string;
  readonly tooMany: string;
  unseen(pictures: number): string;
  asksApproval(tool: string, reason: string, command: string | null): string;
  approvalOver(
    tool: string,
    how: "approved" | "rejected" | "expired" | "cancelled",
    by: string,
  ): string;
  readonly approve: string;
  readonly reject: string;
  readonly mayNotDecide: string;
  readonly nothingToDecide: string;
  readonly sayWhich: string;
}

const en: Words = {
  begun: "A new conversation has begun.",
  stopped: (runs) => (runs === 0 ? "Nothing is under way." : "Stopped."),
  agentIs: (name) => `${name} answers from now on, in a new conversation.`,
  agents: (names) => `There is: ${names.join(", ")}. Choose with /agent NAME.`,
  age: (ms) => aged(ms, ["d", "h", "min", "s"]),
  status: ({
    agent,
    age,
    underWay,
    underWayFor,
    waiting,
    approvals,
    moreApprovals,
    isTargetAway,
  }) => {
    const since = underWayFor === null ? "" : ` (for ${underWayFor})`;
    const more = moreApprovals === 0 ? "" : ` and ${moreApprovals} more`;
    const open = approvals.length === 0 ? "0" : `${approvals.join(", ")}${more}`;
    const old = age === null ? "This session begins now." : `This session is ${age} old.`;
    const away = isTargetAway ? ", waits for a target that is away" : "";
    return `${agent} answers. ${old} Under way: ${underWay}${since}${away}. Waiting: ${waiting}. To be decided: ${open}.`;
  },
  help: "/new begins a new conversation, /stop stops what is under way, /agent NAME chooses who answers, /status says where things stand, /link joins what you are on several channels.",
  failed: (reason) => `This could not be answered. ${reason}`,
  cut: (reason) => `(The answer ends here. ${reason})`,
  empty: "There is no answer to that.",
  tooMany: "That were too many messages at once; the last ones were left out.",
  unseen: (pictures) =>
    pictures === 1 ? "(The picture could not be seen.)" : "(The pictures could not all be seen.)",
  asksApproval: (tool, reason, command) =>
    `**${tool}** needs a decision. ${reason}${command === null ? "" : `\n\nReply \`/approve ${command}\` or \`/reject ${command}\`.`}`,
  approvalOver: (tool, how, by) => {
    const said = {
      approved: "approved",
      rejected: "rejected",
      expired: "not decided in time",
      cancelled: "no longer needed",
    };
    return `**${tool}**: ${said[how]}${by === "" ? "" : ` by ${by}`}.`;
  },
  approve: "Approve",
  reject: "Reject",
  mayNotDecide: "You are not among those who decide this.",
  nothingToDecide: "There is nothing to decide any more.",
  sayWhich:
    "Several things wait for a decision: say which, with the id behind /approve or /reject.",
};

const de: Words = {
  begun: "Ein neues Gespräch hat begonnen.",
  stopped: (runs) => (runs === 0 ? "Es läuft nichts." : "Angehalten."),
  agentIs: (name) => `Ab jetzt antwortet ${name}, in einem neuen Gespräch.`,
  agents: (names) => `Es gibt: ${names.join(", ")}. Auswahl mit /agent NAME.`,
  age: (ms) => aged(ms, ["Tage", "h", "min", "s"]),
  status: ({
    agent,
    age,
    underWay,
    underWayFor,
    waiting,
    approvals,
    moreApprovals,
    isTargetAway,
  }) => {
    const since = underWayFor === null ? "" : ` (seit ${underWayFor})`;
    const more = moreApprovals === 0 ? "" : ` und ${moreApprovals} weitere`;
    const open = approvals.length === 0 ? "0" : `${approvals.join(", ")}${more}`;
    const old = age === null ? "Diese Sitzung beginnt jetzt." : `Diese Sitzung ist ${age} alt.`;
    const away = isTargetAway ? ", wartet auf ein Ziel, das nicht erreichbar ist" : "";
    return `${agent} antwortet. ${old} In Arbeit: ${underWay}${since}${away}. Wartend: ${waiting}. Zu entscheiden: ${open}.`;
  },
  help: "/new beginnt ein neues Gespräch, /stop hält an, was läuft, /agent NAME wählt, wer antwortet, /status sagt, wie es steht, /link verbindet, was Sie auf mehreren Kanälen sind.",
  failed: (reason) => `Das konnte nicht beantwortet werden. ${reason}`,
  cut: (reason) => `(Die Antwort endet hier. ${reason})`,
  empty: "Darauf gibt es keine Antwort.",
  tooMany: "Das waren zu viele Nachrichten auf einmal; die letzten wurden ausgelassen.",
  unseen: (pictures) =>
    pictures === 1
      ? "(Das Bild konnte nicht angesehen werden.)"
      : "(Nicht alle Bilder konnten angesehen werden.)",
  asksApproval: (tool, reason, command) =>
    `**${tool}** braucht eine Entscheidung. ${reason}${command === null ? "" : `\n\nAntworten Sie \`/approve ${command}\` oder \`/reject ${command}\`.`}`,
  approvalOver: (tool, how, by) => {
    const said = {
      approved: "genehmigt",
      rejected: "abgelehnt",
      expired: "nicht rechtzeitig entschieden",
      cancelled: "nicht mehr nötig",
    };
    return `**${tool}**: ${said[how]}${by === "" ? "" : ` von ${by}`}.`;
  },
  approve: "Genehmigen",
  reject: "Ablehnen",
  mayNotDecide: "Sie gehören nicht zu denen, die das entscheiden.",
  nothingToDecide: "Es gibt nichts mehr zu entscheiden.",
  sayWhich:
    "Mehreres wartet auf eine Entscheidung: nennen Sie die Kennung hinter /approve oder /reject.",
};

const UNITS_MS = [86_400_000, 3_600_000, 60_000, 1_000] as const;

function aged(ms: number, units: readonly [string, string, string, string]): string {
  const at = UNITS_MS.findIndex((unit) => ms >= unit);
  const unit = at === -1 ? UNITS_MS.length - 1 : at;
  return `${Math.floor(ms / (UNITS_MS[unit] ?? 1))} ${units[unit]}`;
}

const languages: Readonly<Record<string, Words>> = { en, de };

/** Those of a language; English where it is not known. */
export function wordsIn(language: string | null | undefined): Words {
  return languages[(language ?? "en").slice(0, 2)] ?? en;
}

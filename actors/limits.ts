// Every limit of the agents' side of the system, by name and unit. Reaching one is an error with a
// code or a cut that the code beside it explains; never silence.

/** Limits of conversations, answers and graphs. */
export const limits = {
  /** Messages of one conversation that may wait for their run; one more is MAILBOX_FULL. */
  conversationWaiting: 32,
  /** Records removed in one turn of a deletion; each may have pictures. */
  purgeRecords: 150,
  titleChars: 80,
  /** Versions of one record (an agent, a prompt, ...) that are kept, beside those in use. */
  versionsKept: 200,
  /** Drafts of one agent, the newest, whose prompts and other records cannot be removed. */
  draftsHeld: 20,
  /** With those in use; a change that would make one more is refused for a while (429). */
  versionsMax: 1_000,
  /**
   * A version is kept for so long after new runs were given another one, ms: a run may wait for people,
   * events and times, and finds it when it goes on. The oldest of them go when `versionsMax` is near.
   */
  versionWaitMs: 400 * 24 * 3_600_000,
  /** A page of a run's record, bytes of JSON, and rows read for it at once. */
  recordPageBytes: 1_024 * 1_024,
  recordRows: 20,
  /** Life of a run, ms. */
  runMs: 600_000,
  /** One model call, ms; the run's own deadline may be earlier. */
  modelCallMs: 300_000,
  /** Tokens that a provider may count for one call; more is taken for no count, and estimated. */
  countedTokens: 1_000_000_000,
  /** Further attempts of a model call whose stream was cut. */
  modelRetries: 1,
  routeCallMs: 20_000,
  /** Life of a dry run of the router, ms. */
  dryRunMs: 60_000,
  routeTokens: 120,
  retrievalMs: 20_000,
  /** Follow-ups steered into one run. */
  steerRounds: 5,
  /** Sub-agents that answer one compound message unless the agent says otherwise. */
  routesDefault: 3,
  /** Messages of history read, and per page. */
  historyMessages: 1_000,
  historyPage: 20,
  /** Room kept for the answer when the agent sets no max_tokens. */
  answerTokens: 4_096,
  /** Share of a model's window that passages may take. */
  passagesShare: 0.5,
  /** Characters of a passage repeated in `sources`. */
  sourceChars: 600,
  /** Compiled agents kept in memory by one worker. */
  compiledAgents: 500,
  /** Compiled workflows kept in memory by one worker. */
  compiledFlows: 200,
  /** Compiled output schemas kept in memory by one worker. */
  compiledSchemas: 500,
  schemaBytes: 64 * 1_024,
  schemaDepth: 32,
  /** Answers over this size are not validated but refused. */
  outputBytes: 64 * 1_024,
  /** Rounds of tool calls in one answer, calls of one round, and characters of one result. */
  toolRounds: 5,
  toolCalls: 16,
  toolResultChars: 16_000,
  toolMs: 60_000,
  /** Tools of a caller in one completion, characters of all of them as JSON, and of one's description. */
  clientTools: 128,
  clientToolsChars: 256 * 1_024,
  clientToolDescriptionChars: 20_000,
  /** Characters of results of own tools that a run which ends with a caller's call leaves to the next one. */
  ownRoundsChars: 64 * 1_024,
  /** Images of one completion, characters of one's address, and of all as data: a turn writes them down. */
  images: 20,
  imageUrlChars: 4_096,
  imagesDataChars: 768 * 1_024,
  /** What an image is reckoned to take of a model's window: more than any provider's usual size. */
  imageTokens: 1_600,
  /**
   * Pictures of one message, and of one prompt: the newest of its conversation. Bytes of one, 5 MiB as base64,
   * and pixels of a side: the most that every provider takes.
   */
  pictures: 4,
  pictureBytes: 3_932_160,
  pictureSide: 8_000,
  /** A file that an answer makes and sends, bytes: it is stored by one turn; and files of an answer. */
  sentFileBytes: 256 * 1_024,
  sentFiles: 5,
  sentFileTextChars: 2_000,
  /** Messages that an answer writes to others, people of one mail, characters of both; bytes of all its files: a turn stores them. */
  sentMessages: 10,
  sentMailPeople: 10,
  sentMessageChars: 16_000,
  sentSubjectChars: 200,
  sentMailFilesBytes: 768 * 1_024,
  /** A text that a tool writes to a file, or is given as data, characters: it is stored by a turn. */
  writtenFileChars: 256 * 1_024,
  /** Share of a model's window that the results of one answer may take together. */
  toolResultsShare: 0.5,
  /** Requests of tools: redirects followed, a body sent, characters; one received, bytes, and at most. */
  webRedirects: 5,
  webBodyChars: 64 * 1_024,
  webBytes: 256 * 1_024,
  webBytesMax: 4 * 1_024 * 1_024,
  webHeaders: 32,
  webHeaderChars: 4_096,
  webHosts: 100,
  /** Passages of one search by a tool. */
  toolPassages: 10,
  /** Times a turn is handed over. */
  handoffs: 3,
  /** An expression of the calculator. */
  calculatorChars: 1_000,
  calculatorDepth: 64,
  /** Roots, logarithms, angles, e and powers of no whole number in one: each takes up to ten milliseconds. */
  calculatorHard: 24,
  /** How long people have to decide about a call, ms: default, least and most. */
  approvalMs: 7 * 24 * 3_600_000,
  approvalMsMin: 60_000,
  approvalMsMax: 30 * 24 * 3_600_000,
  /** How much longer a run waits whose approval is not decided then: its actor was stopped. */
  approvalGraceMs: 30 * 24 * 3_600_000,
  /** Calls under one conversation that may wait for a decision; one more is declined. */
  approvalsPending: 256,
  /** Characters of the arguments that a person is shown, as JSON, and of the reason. */
  approvalBytes: 64 * 1_024,
  approvalReasonChars: 1_000,
  /** A decided approval is kept so long, ms; looked for again after the second. */
  approvalKeptMs: 90 * 24 * 3_600_000,
  approvalSweepMs: 24 * 3_600_000,
  /** Room of recalled memories in a prompt: tokens, and share of the model's window. */
  memoryTokens: 1_500,
  memoryShare: 0.1,
  /** One recall, ms. */
  recallMs: 20_000,
  /** Facts that one turn is good for, tokens of the call that finds them, and characters it reads. */
  memoryFacts: 8,
  memoryCallTokens: 1_000,
  memoryReadChars: 16_000,
  /** Entries that it is shown, so that it can replace instead of repeat. */
  memoryKnown: 10,
  /** Agents that take in one turn of a team, and that may remember one conversation: no more take it in. */
  memoryAgents: 24,
  conversationMemories: 100,
  /** Life of the run that takes in a turn, and of the one that forgets a conversation, ms. */
  memoryRunMs: 3_600_000,
  forgetRunMs: 7 * 24 * 3_600_000,
  /** One delivery of a webhook, ms; waits after each that was not taken, ms; all of them, ms. */
  webhookMs: 30_000,
  webhookWaitsMs: [5_000, 30_000, 120_000, 600_000, 3_600_000, 6 * 3_600_000, 16 * 3_600_000],
  webhookRunMs: 48 * 3_600_000,
  /** Webhooks of one run: each of several merged messages may have one. */
  webhooks: 32,
  /** A failed forgetting is begun again after this, ms. */
  forgetAgainMs: 60_000,
  /** Model calls that may try to put an invalid answer right. */
  repairs: 1,
  /** Turns of members in one run of a team: with a second try each, as many as a run has child runs. */
  teamTurns: 48,
  /** Turns of a team and of all teams below it. */
  teamTurnsBelow: 200,
  /** Teams inside each other, the outermost included. */
  teamDepth: 3,
  /** Tasks that a leader may split a message into, and tokens of one word of a leader. */
  teamTasks: 24,
  teamLeaderTokens: 4_000,
  /** Times that a leader is told what is wrong with its plan. */
  teamPlanRepairs: 2,
  /** Members of a team that work side by side unless it says otherwise. */
  teamParallel: 4,
  /** Characters of what was said before that a member is given; the newest stay. */
  teamTranscriptChars: 48_000,
  /** What of a team's time one turn of a member may take, so that time is left when it hangs. */
  teamTurnShare: 1 / 3,
  /** History that a leader reads before it splits or judges, tokens. */
  teamHistoryTokens: 4_000,
  /**
   * Within a budget: tokens of an answer whose agent names none, and the fewest that are of any use where
   * there is not enough for all.
   */
  budgetAnswerTokens: 8_192,
  budgetTokensMin: 256,
  /** Times a call asks for a reservation; one answer of its purse, ms. */
  budgetTries: 64,
  /** Runs that wait in one line of a tenant, and when one more is to come again, ms. */
  lineWaiting: 1_000,
  lineRetryMs: 5_000,
  budgetAskMs: 60_000,
  /** How long a call waits for what others hold, ms, and a paused one for its budget. */
  budgetQueueMs: 600_000,
  budgetPauseMs: 7 * 24 * 3_600_000,
  graphNodes: 200,
  graphEdges: 1_000,
  graphSteps: 50,
  /** Nodes that one run of a workflow enters unless it says otherwise; an agent's graph: `graphSteps`. */
  flowSteps: 250,
  /** Records that are looked at to see that a workflow does not lead back to itself. */
  flowsReached: 200,
  /** Loops and maps inside each other, rounds of one loop, items of one map and how many at once. */
  bodyDepth: 4,
  loopRounds: 100,
  mapItems: 100,
  mapConcurrency: 20,
  /** Longest sleep, and longest wait for an event, ms. */
  flowWaitMs: 366 * 24 * 3_600_000,
  /** Characters of a state that a checkpoint shows; a longer one is left out of it. */
  checkpointChars: 16 * 1_024,
  /** Branches of one parallel node, and parallel nodes inside each other. */
  graphBranches: 20,
  graphDepth: 8,
  expressionChars: 2_000,
  expressionNodes: 500,
  expressionDepth: 40,
  /** Comprehensions inside each other, and items of a list of the state an expression may see. */
  expressionMacroDepth: 2,
  expressionListItems: 500,
  /** Bytes of a graph's state as JSON. */
  graphStateBytes: 256 * 1_024,
  /** Bytes of what was collected for required_parameters, as JSON. */
  collectedBytes: 16 * 1_024,
} as const;

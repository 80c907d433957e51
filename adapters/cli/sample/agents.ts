// The sample a newcomer meets on an empty data folder: one supervisor with three specialists. Plain
// data in the API's own shapes, so that it can be read as an example of a create request.

import type { AgentInput } from "../../../actors/records/agent.ts";
import type { SubAgentInput } from "../../../actors/records/sub-agent.ts";

/** Name of the sample's tenant and of its collection. */
export const sampleTenantName = "Sample";
export const sampleCollectionName = "Troupe's own pages";

/** The question of the curl line that the start prints. */
export const sampleQuestion = "How do I set a provider?";

/** The supervisor; the collection's key is added when it is known. */
export const sampleSupervisor: AgentInput = {
  name: "Support Supervisor",
  agent_type: "supervisor",
  description: "Answers questions about Troupe, and plays a company's billing and technical desk.",
  system_message:
    "You route questions to the right sub-agent: 'Docs' for what Troupe is and how it is used, " +
    "'Billing' for invoices, refunds and plans, 'Technical' for errors and outages. " +
    "Use small talk only for greetings.",
  response_language: "auto",
  requires_collection: true,
  examples: [
    { input: sampleQuestion, output: "Set OPENAI_API_KEY or ANTHROPIC_API_KEY and start again." },
    {
      input: "I was charged twice this month",
      output: "Sorry about that. Send the invoice number.",
    },
    {
      input: "My app shows an error",
      output: "Please send the exact message and the time, then sign out and in again.",
    },
    { input: "What happens when a worker dies?", output: "Its runs resume on another worker." },
  ],
};

/** The specialists. `isGrounded` ones answer from the collection. */
export const sampleSubAgents: readonly {
  readonly isGrounded: boolean;
  readonly input: SubAgentInput;
}[] = [
  {
    isGrounded: true,
    input: {
      name: "Docs",
      description: "questions about Troupe",
      trigger: {
        keywords: [
          "docs",
          "documentation",
          "how to",
          "how do I",
          "Troupe",
          "configuration",
          "provider",
          "environment variable",
          "endpoint",
          "worker",
          "actor",
          "sub-agent",
          "curl",
          "SDK",
          "Ollama",
          "agent",
          "API key",
          "install",
          "setting",
          "port",
          "licence",
          "routing",
        ],
        description:
          "Routes when the user asks what Troupe is or does, how to install, start, configure or " +
          "use it: agents, sub-agents, routing, providers, settings, API endpoints, streaming, " +
          "conversations, durability, workers, limits, licence.",
        examples: [
          sampleQuestion,
          "What happens when a worker dies?",
          "Which endpoint creates an agent?",
          "Where is the data stored?",
          "How can I resume a stream?",
          "What is a turn?",
        ],
      },
      priority: 1,
      action: {
        persona: { role: "guide", personality: "precise and friendly" },
        goal: { primary: "inform", instruction: "Answer from the pages and name where it stands." },
        response_style: { format: "paragraph", tone: "professional", language: "match_input" },
      },
      use_rag: true,
      is_active: true,
    },
  },
  {
    isGrounded: false,
    input: {
      name: "Billing",
      description: "invoices and refunds",
      trigger: {
        keywords: ["invoice", "refund", "billing", "payment", "charged", "subscription", "receipt"],
        description:
          "Routes when the user asks about money: an invoice, a charge, a refund, a payment " +
          "method, a plan or its price.",
        examples: [
          "I was charged twice this month",
          "Can I get my money back?",
          "Where do I find my receipt?",
          "I want to change my plan",
        ],
      },
      priority: 2,
      action: {
        persona: { role: "billing clerk", personality: "calm and exact" },
        goal: {
          primary: "resolve",
          instruction:
            "A refund needs the invoice number and the date of the charge. Refunds are checked " +
            "within two working days and paid back the way they were paid.",
        },
        response_style: { format: "paragraph", tone: "warm", language: "match_input" },
      },
      is_active: true,
    },
  },
  {
    isGrounded: true,
    input: {
      name: "Technical",
      description: "errors and outages",
      trigger: {
        keywords: [
          "error",
          "crash",
          "bug",
          "broken",
          "outage",
          "timeout",
          "not working",
          "does not start",
          "in use",
          "429",
        ],
        description:
          "Routes when the user reports that something fails, is slow, shows an error message or " +
          "a status, does not start, cannot be reached or does not let them sign in.",
        examples: [
          "The app shows an error when I sign in",
          "Everything is slow since this morning",
          "My upload stops half way",
        ],
      },
      priority: 3,
      action: {
        persona: { role: "support engineer", personality: "patient and practical" },
        goal: {
          primary: "diagnose",
          instruction:
            "Answer from the pages what an error means and what to do; where they do not say, ask " +
            "for the exact message and the time.",
        },
        response_style: { format: "steps", tone: "practical", language: "match_input" },
      },
      use_rag: true,
      is_active: true,
    },
  },
];

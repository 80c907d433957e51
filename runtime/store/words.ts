// Words that stored values repeat, each of which is written as one byte or two: names of fields, and
// the states, kinds and types that are their values. A word that is missing here is written out, so
// that an application needs none; those of the product this runtime was made for are among them.
// The place of a word is part of the format: a new one goes to the end of its list, none is removed.

/** Written as one byte: at most 64. */
const FREQUENT = `
id kind type version state message at status run_id created_at content role sequence
user assistant completed failed running agent title count next createdAtMs updatedAtMs
input result outcome reply error code text usage promptTokens completionTokens
sources model builtin finishReason finish_reason stop routing_info routing selected_action action_name
reason intent confidence threshold method candidates name key score sub_agent_key
owner conversation sequences stream charge micros units unitPriceMicros spend
`;

/** Written as two bytes: at most 256. */
const OTHER = `
startedAt endedAt deadlineMs log parent path trace asker held cancelled expired exhausted interrupted
current waiting adopting collected deleted entry mode enqueue interrupt reject merge steer priceMicros
service keyId key_id interruptedBy adopted response agent_key conversation_key message_id
message_count updated_at frontend_trigger data_collection data trigger output escalated_to escalatedTo
steered subAgent show extra instruction sub-agent supervisor workflow completion
SUB_AGENT SUPERVISOR keyword semantic model:1 model:2 model:3 routing:1 sub-agent:1 graph only parts
tool_call tool_result tool_calls arguments node started notice event escalated length content_filter
estimated missing complete payload core-agent-chat core-agent-chat-stream
run shown want to from epoch retryable details spent cause stack failures history replays
document_id chunk_id collection_key headings span documents document collection chunk chunks
vector tokens size bytes hash url mime source created updated active enabled priority
description persona goal style format tone language temperature top_p max_tokens system_message
agent_config agent_type model_name graph_definition subAgents keywords examples action
is_active tenant value revision expires_at scopes hours bodyHash handled reset
`;

/** Words written as one byte. */
export const FREQUENT_WORDS: readonly string[] = FREQUENT.trim().split(/\s+/);

/** Words written as two bytes. */
export const OTHER_WORDS: readonly string[] = OTHER.trim().split(/\s+/);

/** What stands before the underscore of an id; the place is part of the format. */
export const ID_PREFIXES: readonly string[] = [
  ..."tn rn cv ms ag sa le ak cl cm dl wh dc ch us in tk fl st jb ev nt".split(" "),
];

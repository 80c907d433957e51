// The built-in types of tools, by name.

import type { ToolTypeName } from "../records/tool.ts";
import { calculatorTool } from "./calculator.ts";
import { channelMessageTool } from "./channel-message.ts";
import { dataAnalyzerTool } from "./data-analyzer.ts";
import { dateTimeTool } from "./date-time.ts";
import { delegateTool } from "./delegate.ts";
import { emailTool } from "./email.ts";
import { engineTool } from "./engine.ts";
import { fileReaderTool } from "./file-reader.ts";
import { fileSearchTool } from "./file-search.ts";
import { fileWriterTool } from "./file-writer.ts";
import { handoffTool } from "./handoff.ts";
import { httpRequestTool } from "./http-request.ts";
import { knowledgeSearchTool } from "./knowledge-search.ts";
import { mcpTool } from "./mcp.ts";
import { memoryTool } from "./memory.ts";
import { openApiTool } from "./openapi.ts";
import { remoteAgentTool } from "./remote-agent.ts";
import { scheduleTool } from "./schedule.ts";
import { scriptTool } from "./script.ts";
import { sendFileTool } from "./send-file.ts";
import { shellTool } from "./shell.ts";
import { skillScriptTool } from "./skill-script.ts";
import type { ToolType } from "./tool-type.ts";
import { webPageTool } from "./web-page.ts";

/** All of them. */
export const builtinTools: Readonly<Record<ToolTypeName, ToolType>> = {
  calculator: calculatorTool,
  date_time: dateTimeTool,
  knowledge_search: knowledgeSearchTool,
  http_request: httpRequestTool,
  delegate: delegateTool,
  handoff: handoffTool,
  remote_agent: remoteAgentTool,
  send_file: sendFileTool,
  script: scriptTool,
  skill_script: skillScriptTool,
  file_reader: fileReaderTool,
  file_writer: fileWriterTool,
  file_search: fileSearchTool,
  data_analyzer: dataAnalyzerTool,
  web_page: webPageTool,
  mcp: mcpTool,
  memory: memoryTool,
  schedule: scheduleTool,
  channel_message: channelMessageTool,
  email: emailTool,
  openapi: openApiTool,
  engine: engineTool,
  shell: shellTool,
};

// POST /api/v1 on the agent: GET_HEALTH and GET_VERSION. The other calls of the agent's operator API (AO01 to AO10) are
// answered with 501 and their name.
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageTypes } from "../../contract/message-types.ts";
import type { AgentCall, AgentResponse } from "../../contract/types.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import { acceptedEncoding, answerMessage, type Refusal, readMessage, refuse } from "./http-replies.ts";

export async function operatorRoute(
  version: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = await readMessage(request, messageTypes.AgentCall);
  if (call === null) return;
  const encoding = acceptedEncoding(request);
  const answer = call.ok ? answerOf(call.value, version) : call;
  if (!answer.ok) refuse(response, answer.error);
  else if (!encoding.ok) refuse(response, encoding.error);
  else answerMessage(response, messageTypes.AgentResponse, answer.value, encoding.value);
}

function answerOf(call: AgentCall, version: string): Result<AgentResponse, Refusal> {
  switch (call.type) {
    case undefined:
      return err({ status: 400, text: "Failed to validate agent::Call: Expecting 'type' to be present" });
    case "GET_HEALTH":
      return ok({ type: "GET_HEALTH", get_health: { healthy: true } });
    case "GET_VERSION":
      return ok({ type: "GET_VERSION", get_version: { version_info: { version } } });
    default:
      return err({ status: 501, text: `The call ${call.type} is not implemented by this agent` });
  }
}

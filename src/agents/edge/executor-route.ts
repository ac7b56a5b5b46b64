// POST /api/v1/executor (EX01 to EX07): decodes and validates calls in the order in which Mesos does, holds the event
// streams of subscribed executors. Who may call is the supervisor's business.
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { messageTypes } from "../../contract/message-types.ts";
import { encodeRecord } from "../../contract/record-io.ts";
import type { ExecutorCall, ExecutorEvent } from "../../contract/types.ts";
import { err, type Result } from "../../kernel/result.ts";
import type { Agent, ExecutorStream } from "../agent-types.ts";
import { executorCallFault } from "../executor-call-form.ts";
import { STREAM_BUFFERED_BYTES_MAX } from "../limits.ts";
import {
  acceptedEncoding,
  type Encoding,
  encodeMessage,
  mediaTypes,
  type Refusal,
  readMessage,
  refuse,
} from "./http-replies.ts";

export async function executorRoute(
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const call = await readCall(request);
  if (call === null) return;
  if (!call.ok) refuse(response, call.error);
  else if (call.value.type === "HEARTBEAT") refuse(response, { status: 202, text: "" });
  else if (call.value.type === "SUBSCRIBE") await subscribe(agent, call.value, request, response);
  else if (call.value.type === "UNKNOWN") refuse(response, { status: 501, text: "" });
  else refuse(response, await agent.executors.call(call.value, null));
}

async function readCall(request: IncomingMessage): Promise<Result<ExecutorCall, Refusal> | null> {
  const call = await readMessage(request, messageTypes.ExecutorCall);
  if (call === null || !call.ok) return call;
  const fault = executorCallFault(call.value);
  return fault === null ? call : err({ status: 400, text: `Failed to validate Executor::Call: ${fault}` });
}

async function subscribe(
  agent: Agent,
  call: ExecutorCall,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const encoding = acceptedEncoding(request);
  if (!encoding.ok) {
    refuse(response, encoding.error);
    return;
  }
  const stream = new ResponseStream(response, encoding.value);
  response.on("close", () => agent.executors.disconnected(stream.id));
  const reply = await agent.executors.call(call, stream);
  if (reply.status !== 200) refuse(response, reply);
}

/** RecordIO events in the body of an answer without end. */
class ResponseStream implements ExecutorStream {
  readonly id = randomUUID();
  readonly #response: ServerResponse;
  readonly #encoding: Encoding;

  constructor(response: ServerResponse, encoding: Encoding) {
    this.#response = response;
    this.#encoding = encoding;
  }

  send(event: ExecutorEvent): void {
    const response = this.#response;
    if (response.destroyed || response.writableEnded) return;
    if (!response.headersSent) response.writeHead(200, { "Content-Type": mediaTypes[this.#encoding] });
    response.write(encodeRecord(encodeMessage(messageTypes.ExecutorEvent, event, this.#encoding)));
    if (response.writableLength > STREAM_BUFFERED_BYTES_MAX) response.destroy();
  }

  close(): void {
    this.#response.end();
  }
}

// Frames of the agent protocol (src/contract/agent-protocol.ts): packed and unpacked, and checked before anything reads
// them. What the cluster says to an agent is put into the protocol's words here.
import { Unpackr } from "msgpackr";
import type { DrainOrder, FromAgent, RegisterAgent, ToAgent } from "../../contract/agent-protocol.ts";
import { STATUSES_FRAME_BYTES_MAX } from "../../contract/agent-protocol.ts";
import { decodeProtobuf, encodeProtobuf } from "../../contract/codec.ts";
import { taskInfoOf } from "../../contract/encoded.ts";
import { messageTypes } from "../../contract/message-types.ts";
import { decodeReports, isReportsFrame, type ReceivedReport } from "../../contract/status-reports.ts";
import type { FrameworkInfo, KillPolicy } from "../../contract/types.ts";
import { enumNumbers } from "../../contract/types.ts";
import type { AgentMessage } from "../../state/effects.ts";
import type { DrainConfig } from "../../state/model.ts";
import { bytesOf } from "../convert/uuids.ts";

export type RunMessage = Extract<AgentMessage, { readonly kind: "run" }>;

type Plain = { readonly [field: string]: unknown };

/** What agents send, statuses in the form in which they are carried on. */
export type AgentReport =
  | Exclude<FromAgent, { readonly kind: "status" | "statuses" }>
  | { readonly kind: "statuses"; readonly reports: readonly ReceivedReport[] };

/** Bytes are copied: a message that waits must not hold on to the socket's memory. */
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/** The message in the frame, or null if it is none that an agent sends. */
export function messageOfFrame(frame: Uint8Array): AgentReport | null {
  if (isReportsFrame(frame)) return reportsOfFrame(frame);
  const value = unpacked(frame);
  if (!isPlain(value) || !isFromAgent(value)) return null;
  return value.kind === "register" ? registerOf(value) : value;
}

/** Its AgentInfo read by the schema: whatever the frame holds, it has the types that it should have. */
function registerOf(frame: RegisterAgent): RegisterAgent | null {
  try {
    const type = messageTypes.AgentInfo;
    const info = decodeProtobuf(type, encodeProtobuf(type, frame.info));
    return info.ok ? { ...frame, info: info.value } : null;
  } catch {
    return null;
  }
}

function reportsOfFrame(frame: Uint8Array): AgentReport | null {
  const reports = decodeReports(frame);
  if (reports === null || (reports.length > 1 && frame.byteLength > STATUSES_FRAME_BYTES_MAX)) return null;
  return { kind: "statuses", reports };
}

/** The protocol's form of what the cluster tells an agent. */
export function agentMessage(message: AgentMessage): ToAgent {
  if (message.kind === "volumes") return volumesMessage(message);
  if (message.kind === "drain") return { kind: "drain", order: drainOrder(message.config) };
  const { frameworkId } = message;
  switch (message.kind) {
    case "run": {
      const task = taskInfoOf(message.task, message.role);
      return { kind: "run", framework: frameworkInfo(message), task };
    }
    case "kill": {
      const { taskId, policy } = message;
      return {
        kind: "kill",
        frameworkId,
        taskId,
        ...(policy === null ? {} : { killPolicy: policy as KillPolicy }),
      };
    }
    case "acknowledge":
      return { kind: "acknowledge", frameworkId, taskId: message.taskId, uuid: bytesOf(message.uuid) };
    case "framework-message":
      return { kind: "framework-message", frameworkId, executorId: message.executorId, data: message.data };
    case "shutdown-executor":
      return { kind: "shutdown-executor", frameworkId, executorId: message.executorId };
    case "shutdown-framework":
      return { kind: "shutdown-framework", frameworkId };
  }
}

function volumesMessage({
  agentId,
  registeredAt,
  asOf,
  volumes,
}: Extract<AgentMessage, { readonly kind: "volumes" }>): ToAgent {
  return { kind: "volumes", registration: `${agentId} ${registeredAt}`, asOf, volumes };
}

export function drainOrder(config: DrainConfig): DrainOrder;
export function drainOrder(config: DrainConfig | null): DrainOrder | null;
export function drainOrder(config: DrainConfig | null): DrainOrder | null {
  if (config === null) return null;
  const { maxGraceNanos, markGone } = config;
  return maxGraceNanos === null ? { markGone } : { maxGracePeriod: { nanoseconds: maxGraceNanos }, markGone };
}

/** With its id. */
export function frameworkInfo({ framework, frameworkId }: RunMessage): FrameworkInfo {
  return { ...(framework.wire as unknown as FrameworkInfo), id: { value: frameworkId } };
}

function unpacked(frame: Uint8Array): unknown {
  try {
    return unpackr.unpack(frame);
  } catch {
    return null;
  }
}

function isFromAgent(value: Plain): value is Plain & Exclude<AgentReport, { readonly kind: "statuses" }> {
  switch (value.kind) {
    case "register":
      return isRegister(value);
    case "executor-message":
      return isText(value.frameworkId) && isText(value.executorId) && value.data instanceof Uint8Array;
    case "executor-exited":
      return isText(value.frameworkId) && isText(value.executorId) && Number.isSafeInteger(value.waitStatus);
    case "pong":
    case "unregister":
      return true;
    default:
      return false;
  }
}

function isRegister(value: Plain): boolean {
  return (
    Number.isSafeInteger(value.protocolVersion) &&
    (value.agentId === undefined || isText(value.agentId)) &&
    isPlain(value.info) &&
    isText(value.info.hostname) &&
    isListOf(value.info.resources ?? [], isPlain) &&
    isListOf(value.info.attributes ?? [], isPlain) &&
    typeof value.version === "string" &&
    (value.takesVolumes === undefined || typeof value.takesVolumes === "boolean") &&
    (value.drains === undefined || typeof value.drains === "boolean") &&
    (value.tasksPerRunMax === undefined || Number.isSafeInteger(value.tasksPerRunMax)) &&
    isListOf(value.tasks, isTaskRow) &&
    isListOf(value.executors, isExecutorRow)
  );
}

function isTaskRow(row: unknown): boolean {
  return isPlain(row) && isText(row.frameworkId) && isText(row.taskId) && isTaskState(row.state);
}

function isExecutorRow(row: unknown): boolean {
  return (
    isPlain(row) && isText(row.frameworkId) && isPlain(row.executor) && isIdMessage(row.executor.executor_id)
  );
}

function isIdMessage(id: unknown): boolean {
  return isPlain(id) && isText(id.value);
}

function isTaskState(state: unknown): boolean {
  return typeof state === "string" && Object.hasOwn(enumNumbers.TaskState, state);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isListOf(list: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(list) && list.every(isItem);
}

function isPlain(value: unknown): value is Plain {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

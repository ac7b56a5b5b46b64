// Frames of the agent protocol as bytes, bounded. What comes from a master is checked for its form before the
// supervisor sees it; parts in Mesos' shape are passed through, for the master has validated them.
import { Packr } from "msgpackr";
import {
  AGENT_FRAME_BYTES_MAX,
  type FromAgent,
  type RunTasks,
  type ToAgent,
} from "../contract/agent-protocol.ts";
import { readTaskInfo } from "../contract/encoded.ts";
import { encodeReports } from "../contract/status-reports.ts";
import type { FrameworkInfo, TaskInfo } from "../contract/types.ts";
import { err, ok, type Result } from "../kernel/result.ts";

const packr = new Packr({ useRecords: false });

/** A frame of more than AGENT_FRAME_BYTES_MAX is an error: it would break the connection. */
export function packFrame(frame: FromAgent | ToAgent): Result<Uint8Array, string> {
  const bytes = bytesOf(frame);
  if (bytes.length > AGENT_FRAME_BYTES_MAX) return err(`a ${frame.kind} frame has ${bytes.length} bytes`);
  return ok(bytes);
}

function bytesOf(frame: FromAgent | ToAgent): Uint8Array {
  if (frame.kind === "status") return encodeReports([frame]);
  if (frame.kind === "statuses") return encodeReports(frame.statuses);
  return new Uint8Array(packr.pack(frame));
}

/** What a master says, as the agent reads it: tasks are no longer encoded. */
export type FromMaster = Exclude<ToAgent, RunTasks> | LaunchTasks;

export interface LaunchTasks {
  readonly kind: "run-tasks";
  readonly framework: FrameworkInfo;
  readonly tasks: readonly TaskInfo[];
}

export function unpackToAgent(bytes: Uint8Array): Result<FromMaster, string> {
  const frame = unpack(bytes);
  if (frame === null) return err("not a frame");
  const fields = toAgentFields[String(frame.kind)];
  if (fields === undefined) return err(`unknown frame ${String(frame.kind)}`);
  const missing = Object.entries(fields).filter(([name, isRight]) => !isRight(frame[name]));
  if (missing.length > 0)
    return err(`${String(frame.kind)} frame without ${missing.map(([name]) => name).join(", ")}`);
  const message = frame as unknown as ToAgent;
  return message.kind === "run-tasks" ? withTaskInfos(message) : ok(message);
}

function withTaskInfos({ framework, role, tasks }: RunTasks): Result<FromMaster, string> {
  const infos: TaskInfo[] = [];
  for (const task of tasks) {
    const info = readTaskInfo(task, role);
    if (!info.ok) return info;
    infos.push(info.value);
  }
  return ok({ kind: "run-tasks", framework, tasks: infos });
}

function unpack(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  if (bytes.length > AGENT_FRAME_BYTES_MAX) return null;
  try {
    const value: unknown = packr.unpack(bytes);
    return isMap(value) ? value : null;
  } catch {
    return null;
  }
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number";
const isNumberOrNone: Check = (value) => value === undefined || isNumber(value);
const isBytes: Check = (value) => value instanceof Uint8Array;
const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isId: Check = (value) => isMap(value) && isText(value.value);
const isTask: Check = (value) => isMap(value) && isId(value.task_id);
const isFramework: Check = (value) => isMap(value) && isId(value.id);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const isTextOrNull: Check = (value) => value === null || isText(value);

const isVolumes: Check = (value) => Array.isArray(value) && value.every(isVolume);
const isVolume = (value: unknown): boolean =>
  isMap(value) &&
  isText(value.role) &&
  isText(value.id) &&
  isNumber(value.since) &&
  (value.source === null || (isMap(value.source) && isText(value.source.type) && isText(value.source.root)));
const isTextOrNone: Check = (value) => value === undefined || isText(value);
const isDuration: Check = (value) => isMap(value) && typeof value.nanoseconds === "bigint";
const isDrainOrder: Check = (value) =>
  isMap(value) &&
  typeof value.markGone === "boolean" &&
  (value.maxGracePeriod === undefined || isDuration(value.maxGracePeriod));

const ofTask = { frameworkId: isText, taskId: isText };
const ofExecutor = { frameworkId: isText, executorId: isText };

const toAgentFields: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  registered: {
    agentId: isText,
    silenceMsMax: isNumber,
    statusesMax: isNumberOrNone,
    drain: (value) => value === undefined || isDrainOrder(value),
  },
  redirect: { leader: isTextOrNull, reason: isTextOrNone },
  shutdown: { message: isText },
  run: { framework: isFramework, task: isTask },
  drain: { order: (value) => value === null || isDrainOrder(value) },
  "run-tasks": { framework: isFramework, role: isText, tasks: isTexts },
  kill: ofTask,
  acknowledge: { ...ofTask, uuid: isBytes },
  "framework-message": { ...ofExecutor, data: isBytes },
  "shutdown-executor": ofExecutor,
  "shutdown-framework": { frameworkId: isText },
  volumes: { registration: isText, asOf: isNumber, volumes: isVolumes },
  ping: {},
};

// AgentInfo and what agents report, as commands.
import type { AgentFacts } from "../../allocator/index.ts";
import type { RegisterAgent as RegisterFrame } from "../../contract/agent-protocol.ts";
import type { EncodedStatus, StatusFacts } from "../../contract/encoded-status.ts";
import type { ReceivedReport } from "../../contract/status-reports.ts";
import type { AgentInfo, Attribute } from "../../contract/types.ts";
import {
  type AgentId,
  asId,
  type ExecutorId,
  type FrameworkId,
  type Millis,
  type TaskId,
} from "../../kernel/ids.ts";
import { err, ok, type Result } from "../../kernel/result.ts";
import type { Command, RegisterAgent, StatusUpdate } from "../../state/commands.ts";
import type { AgentSpec, TaskStatus } from "../../state/model.ts";
import { boundedStatus } from "../agents/bounded-statuses.ts";
import type { AgentReport } from "../agents/messages.ts";
import { ipv4Of } from "./addresses.ts";
import { resourcesFromWire } from "./resources.ts";
import { millisOfSeconds } from "./times.ts";

/** Mesos' default of AgentInfo.port. */
const AGENT_PORT_DEFAULT = 5051;

/** The error says why the agent cannot be taken. */
export function registerCommand(frame: RegisterFrame, connectionId: string): Result<RegisterAgent, string> {
  const spec = agentSpec(frame);
  if (!spec.ok) return spec;
  return ok({
    kind: "register-agent",
    agentId: frame.agentId === undefined ? null : asId<AgentId>(frame.agentId),
    spec: spec.value,
    connectionId,
    tasks: frame.tasks.map(({ frameworkId, taskId, state }) => ({
      frameworkId: asId<FrameworkId>(frameworkId),
      taskId: asId<TaskId>(taskId),
      state,
    })),
    executors: frame.executors.map(({ frameworkId, executor }) => ({
      frameworkId: asId<FrameworkId>(frameworkId),
      executorId: asId<ExecutorId>(executor.executor_id.value),
    })),
  });
}

/** The command of a report; null for frames that report nothing. @param now used where a status has no timestamp */
export function reportCommand(frame: AgentReport, agentId: AgentId, now: Millis): Command | null {
  switch (frame.kind) {
    case "statuses":
      return updateCommand(frame.reports, agentId, now);
    case "executor-message":
      return { kind: "message-framework", agentId, ...executorOf(frame), data: frame.data };
    case "executor-exited":
      return { kind: "executor-exited", agentId, ...executorOf(frame), waitStatus: frame.waitStatus };
    case "unregister":
      return { kind: "unregister-agent", agentId };
    case "register":
    case "pong":
      return null;
  }
}

function updateCommand(reports: readonly ReceivedReport[], agentId: AgentId, now: Millis): Command {
  const updates = reports.map((report) => updateOf(report, now));
  const [update] = updates;
  return update !== undefined && updates.length === 1
    ? { kind: "update-status", agentId, ...update }
    : { kind: "update-statuses", agentId, updates };
}

function updateOf({ frameworkId, facts, status, latestState }: ReceivedReport, now: Millis): StatusUpdate {
  return {
    frameworkId: asId<FrameworkId>(frameworkId),
    taskId: asId<TaskId>(facts.taskId),
    status: statusOf(facts, boundedStatus(status), now),
    latestState,
  };
}

function statusOf({ state, uuid, timestamp }: StatusFacts, status: EncodedStatus, now: Millis): TaskStatus {
  const at = timestamp === null ? now : millisOfSeconds(timestamp);
  const { bytes: wire, data } = status;
  return data === null ? { state, uuid, at, wire } : { state, uuid, at, wire, data };
}

function executorOf(frame: { readonly frameworkId: string; readonly executorId: string }): {
  readonly frameworkId: FrameworkId;
  readonly executorId: ExecutorId;
} {
  return { frameworkId: asId(frame.frameworkId), executorId: asId(frame.executorId) };
}

function agentSpec({ info, ip, version, drains }: RegisterFrame): Result<AgentSpec, string> {
  const resources = resourcesFromWire(info.resources ?? []);
  if (!resources.ok) return err(resources.error);
  const { id: _id, ...wire } = info;
  const attributes = (info.attributes ?? []).map((each) => [each.name, attributeText(each)] as const);
  return ok({
    hostname: info.hostname,
    ...(ip === undefined || ipv4Of(ip) === null ? {} : { ip }),
    port: info.port ?? AGENT_PORT_DEFAULT,
    resources: resources.value,
    attributes: Object.fromEntries(attributes),
    ...(drains === true ? { drains } : {}),
    facts: factsOf(info),
    version,
    wire,
  });
}

/** Mesos looks at the first attribute of a name, and at texts as texts only. */
function factsOf({ hostname, attributes = [], domain }: AgentInfo): AgentFacts {
  const { region, zone } = domain?.fault_domain ?? {};
  return {
    hostname,
    region: region?.name ?? null,
    zone: zone?.name ?? null,
    attributes: attributes.map(({ name, type, text }) => ({
      name,
      text: type === "TEXT" ? (text?.value ?? "") : null,
    })),
  };
}

function attributeText({ type, scalar, ranges, set, text }: Attribute): string {
  switch (type) {
    case "SCALAR":
      return String(scalar?.value ?? 0);
    case "RANGES":
      return `[${(ranges?.range ?? []).map(({ begin, end }) => `${begin}-${end}`).join(", ")}]`;
    case "SET":
      return `{${(set?.item ?? []).join(", ")}}`;
    case "TEXT":
      return text?.value ?? "";
  }
}

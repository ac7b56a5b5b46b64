// Events as one line for people, as `tepui log cat` prints them.
import type { Resources } from "../allocator/index.ts";
import { format, formatMillis } from "../allocator/index.ts";
import type { Aftermath, Event, EventOf, RoleQuota } from "../state/events.ts";
import { machineText } from "../state/machines.ts";
import type { DrainConfig, MachineId, MaintenanceWindow, Opaque, TaskStatus } from "../state/model.ts";
import type { RecordedPolicy } from "../state/policy.ts";

/** Of a list that is the value of a setting. */
const ITEMS_SHOWN_MAX = 16;

type Descriptions = { readonly [Kind in Event["kind"]]: (event: EventOf<Kind>) => string };

const descriptions: Descriptions = {
  ClusterFounded: (e) => `cluster ${e.clusterId}`,
  LeaderElected: (e) =>
    `${e.memberId} leads in term ${e.term}${e.domain === undefined ? "" : `, in region ${e.domain.region}`}`,
  FrameworkSubscribed: (e) =>
    `${e.frameworkId} "${e.spec.name}" in ${e.spec.roles.join(", ")}${e.replacedStreamId === null ? "" : ", failed over"}`,
  FrameworkUpdated: (e) => `${e.frameworkId} in ${e.spec.roles.join(", ")}`,
  FrameworkDisconnected: (e) => `${e.frameworkId} until ${timeText(e.deadline)}`,
  FrameworkRemoved: (e) => `${e.frameworkId}: ${e.cause}`,
  FrameworkSuppressed: (e) => `${e.frameworkId} in ${e.roles.join(", ")}`,
  FrameworkRevived: (e) => `${e.frameworkId} in ${e.roles.join(", ")}`,
  AgentRegistered: (e) => `${e.agentId} ${e.spec.hostname}:${e.spec.port} ${format(e.spec.resources)}`,
  AgentReregistered: (e) => `${e.agentId} ${e.spec.hostname}:${e.spec.port}${correctionsText(e)}`,
  AgentCorrected: (e) => `${e.agentId}${correctionsText(e)}`,
  AgentHistoryForgotten: (e) => `${e.agentId}: ${e.tasks} tasks, ${e.executors} executors`,
  AgentDisconnected: (e) => `${e.agentId} until ${timeText(e.deadline)}`,
  AgentUnreachable: (e) => e.agentId,
  AgentRemoved: (e) => `${e.agentId}: ${e.cause}`,
  AgentDeactivated: (e) => e.agentId,
  AgentReactivated: (e) => e.agentId,
  AgentDrainStarted: (e) => `${e.agentId}${drainText(e.config)}`,
  AgentDrained: (e) => e.agentId,
  MaintenanceScheduled: (e) => e.windows.map(windowText).join("; ") || "nothing",
  MaintenanceStarted: (e) => machinesText(e.machines),
  MaintenanceStopped: (e) => machinesText(e.machines),
  InverseOffersMade: (e) =>
    e.offers.map((o) => `${o.offerId} about ${o.agentId} to ${o.frameworkId}`).join(", "),
  InverseOffersAnswered: (e) =>
    `${e.frameworkId}: ${e.status} ${e.offers.map(({ offerId }) => offerId).join(", ")}${untilText(e.refuseUntil)}`,
  InverseOffersRescinded: (e) => e.offers.map(({ offerId }) => offerId).join(", "),
  AgentResourcesConverted: (e) =>
    `${e.operation} on ${e.agentId}: ${format(e.consumed)} is now ${format(e.converted)}`,
  OperationAcknowledged: (e) => `${e.operationId} of ${e.frameworkId}`,
  OperationsTold: (e) => e.operations.map(({ number }) => number).join(", "),
  OffersMade: (e) =>
    e.offers.map((o) => `${o.id} of ${o.agentId} to ${o.frameworkId} (${o.role})`).join(", "),
  OffersAccepted: (e) => `${e.frameworkId}: ${e.offerIds.join(", ")}${unusedText(e.unused, e.refuseUntil)}`,
  OffersDeclined: (e) => `${e.frameworkId}: ${e.offerIds.join(", ")}${untilText(e.refuseUntil)}`,
  OffersDiscarded: (e) => `${e.frameworkId}: ${e.offerIds.join(", ")}`,
  OffersRescinded: (e) => `${e.cause}: ${e.offers.map(({ offerId }) => offerId).join(", ")}`,
  TaskLaunched: (e) => `${taskText(e)} with ${format(e.resources)}${executorText(e)}`,
  TaskRefused: (e) => `${taskText(e)} ${statusText(e.status)}`,
  OperationRefused: (e) => `${e.frameworkId}: ${e.operationId}: ${quote(e.message)}`,
  TaskStatusUpdated: (e) =>
    `${taskText(e)} ${statusText(e.status)}${e.latestState === e.status.state ? "" : `, latest ${e.latestState}`}`,
  TaskUnreachable: (e) => `${taskText(e)} ${statusText(e.status)}`,
  TaskRecovered: (e) => `${taskText(e)} ${statusText(e.status)}`,
  TaskStatusAcknowledged: (e) => `${taskText(e)} update ${e.uuid}`,
  TaskKillRequested: taskText,
  ExecutorExited: (e) => `${e.executorId} of ${e.frameworkId} on ${e.agentId}, wait status ${e.waitStatus}`,
  WeightsUpdated: (e) =>
    e.weights.map(({ role, weightMillis }) => `${role} ${weightMillis / 1_000}`).join(", "),
  QuotasUpdated: (e) => e.quotas.map(quotaText).join(", "),
  PolicyChanged: (e) => settingsText(e.changes),
  FiltersExpired: (e) => `until ${timeText(e.until)}`,
  DigestRecorded: (e) => `entry ${e.index}: ${e.digest.slice(0, 16)}`,
};

/** `TaskLaunched t1 of f-0001 on a-S0 with cpus:1; mem:32`; control characters are escaped, so it is one line. */
export function describeEvent(event: Event): string {
  const describe = descriptions[event.kind] as (event: Event) => string;
  return escapeControls(`${event.kind} ${describe(event)}`);
}

function taskText(event: {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly agentId: string;
}): string {
  return `${event.taskId} of ${event.frameworkId} on ${event.agentId}`;
}

function statusText({ state, uuid, wire }: TaskStatus): string {
  const { reason, message } = fieldsOf(wire);
  const why = typeof reason === "string" ? ` ${reason}` : "";
  const said = typeof message === "string" && message !== "" ? ` ${quote(message)}` : "";
  return `${state}${why}${said}${uuid === null ? " (by the master)" : ""}`;
}

/** None of a status that is encoded: whoever wants them in the text puts them there first. */
function fieldsOf(wire: TaskStatus["wire"]): Opaque {
  return typeof wire === "string" || wire instanceof Uint8Array ? {} : wire;
}

function executorText({ executor }: EventOf<"TaskLaunched">): string {
  if (executor === null) return "";
  return executor.starts === null
    ? `, executor ${executor.executorId}`
    : `, starts executor ${executor.executorId} with ${format(executor.starts.resources)}`;
}

function correctionsText({ corrections }: Aftermath): string {
  const { run, kill, shutdownExecutors, shutdownFrameworks } = corrections;
  const counts: readonly (readonly [string, number])[] = [
    ["to run", run.length],
    ["to kill", kill.length],
    ["executors to shut down", shutdownExecutors.length],
    ["frameworks to shut down", shutdownFrameworks.length],
  ];
  const said = counts.filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`);
  return said.length === 0 ? "" : `: ${said.join(", ")}`;
}

function unusedText(unused: Resources, refuseUntil: number | null): string {
  return unused.length === 0 ? ", all used" : `, unused ${format(unused)}${untilText(refuseUntil)}`;
}

function untilText(refuseUntil: number | null): string {
  return refuseUntil === null ? "" : `, refused until ${timeText(refuseUntil)}`;
}

/** Milliseconds since the epoch; the core has no calendar. */
function timeText(millis: number): string {
  return millis >= Number.MAX_SAFE_INTEGER ? "forever" : `${millis}`;
}

function quote(message: string): string {
  return JSON.stringify(message.length > 200 ? `${message.slice(0, 200)}…` : message);
}

function escapeControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function drainText({ maxGraceNanos, markGone }: DrainConfig): string {
  const grace = maxGraceNanos === null ? "" : `, at most ${Number(maxGraceNanos) / 1e9} s for each task`;
  return `${grace}${markGone ? ", gone afterwards" : ""}`;
}

/** Times are nanoseconds since the epoch. */
function windowText({ machines, unavailability }: MaintenanceWindow): string {
  const { start, duration } = unavailability;
  const end = duration === null ? "" : ` for ${Number(duration) / 1e9} s`;
  return `${machinesText(machines)} from ${start}${end}`;
}

function machinesText(machines: readonly MachineId[]): string {
  return machines.map(machineText).join(", ");
}

function quotaText({ role, quota }: RoleQuota): string {
  if (quota === null) return `${role} none`;
  const { guarantees, limits } = quota;
  return `${role} guaranteed ${amountsText(guarantees)}, at most ${amountsText(limits)}`;
}

/** `roleSorter "random", offerTimeoutMs 5000` */
export function settingsText(settings: RecordedPolicy): string {
  return Object.entries(settings).map(settingText).join(", ");
}

/** As JSON, but for long lists. */
function settingText([name, value]: readonly [string, unknown]): string {
  const isLong = Array.isArray(value) && value.length > ITEMS_SHOWN_MAX;
  return `${name} ${isLong ? `(${value.length} items)` : JSON.stringify(value)}`;
}

function amountsText(amounts: readonly (readonly [string, number])[]): string {
  return `{${amounts.map(([name, millis]) => `${name}:${formatMillis(millis)}`).join("; ")}}`;
}

// The agent's decisions in one place: `handle` takes an input, changes the records and orders effects. No I/O and no
// clock: the same inputs with the same moments and random numbers give the same effects.
import type { RegisterAgent } from "../contract/agent-protocol.ts";
import { PROTOCOL_VERSION, TASKS_PER_RUN_MAX } from "../contract/agent-protocol.ts";
import { assertNever } from "../kernel/assert.ts";
import type { ContainerId } from "../kernel/ids.ts";
import type { Change } from "./checkpoints.ts";
import {
  asContainerId,
  type Core,
  forgetSandbox,
  type Moment,
  perform,
  saveAgent,
  takeChanges,
  takeEffects,
} from "./core.ts";
import { drain } from "./draining.ts";
import type { Effect, Input, MasterFrame } from "./effects.ts";
import { killNow, killTask, leave, shutdownExecutor, shutdownFramework } from "./ending.ts";
import { executorCall, heartbeat, messageToExecutor, streamClosed } from "./executor-calls.ts";
import { deliverWaiting, failAttachments, runTask, runTasks, volumesAttached } from "./launching.ts";
import {
  completionTimeReached,
  exited,
  launchCancelled,
  launchFailed,
  recovered,
  started,
  subscriptionTimedOut,
} from "./lifecycle.ts";
import { SANDBOX_SWEEP_MS, SANDBOXES_KEPT_MAX } from "./limits.ts";
import type { ContainerRecord, VolumeIdentity } from "./records.ts";
import { isTerminal } from "./records.ts";
import { acknowledge, resendAll, retry } from "./status-streams.ts";
import {
  retryVolume,
  setAsideVolumes,
  takeVolumes,
  volumeFailed,
  volumeMade,
  volumeRemoved,
} from "./volumes.ts";

export function handle(core: Core, input: Input, now: Moment): void {
  core.now = now;
  dispatch(core, input);
  fireDeadlines(core);
}

/** What `handle` has changed and ordered since the last call: changes first to the disk, then the effects. */
export function takeOutput(core: Core): {
  readonly changes: readonly Change[];
  readonly effects: readonly Effect[];
} {
  return { changes: takeChanges(core), effects: takeEffects(core) };
}

function dispatch(core: Core, input: Input): void {
  switch (input.kind) {
    case "frame":
      takeFrame(core, input.frame);
      return;
    case "dialed":
      perform(core, { do: "register", attempt: input.attempt });
      return;
    case "started":
      started(core, input.id, input.pid);
      return;
    case "launch-failed":
      launchFailed(core, input.id, input.code, input.message);
      return;
    case "launch-cancelled":
      launchCancelled(core, input.id);
      return;
    case "exited":
      exited(core, input.exit);
      return;
    case "recovered":
      recovered(core, input.id, input.pid);
      return;
    case "executor-call": {
      const reply = executorCall(core, input.call, input.streamId);
      perform(core, { do: "reply", requestId: input.requestId, reply });
      return;
    }
    case "executor-disconnected":
      streamClosed(core, input.streamId);
      return;
    case "volume-made":
      volumeMade(core, input.path);
      deliverWaiting(core);
      return;
    case "volume-removed":
      for (const id of volumeRemoved(core, input.path)) failWaiting(core, id, `no volume at ${input.path}`);
      return;
    case "volume-failed":
      for (const id of volumeFailed(core, input.path, input.message)) failWaiting(core, id, input.message);
      failAttachments(core, input.path, input.message);
      return;
    case "volumes-attached":
      volumesAttached(core, input.taskKey, input.fault);
      return;
    case "tick":
      return;
    case "leave":
      leave(core, input.reason, false);
      return;
    default:
      assertNever(input);
  }
}

function failWaiting(core: Core, id: ContainerId, message: string): void {
  core.waiting.delete(id);
  launchFailed(core, id, "volume-unavailable", message);
}

function takeFrame(core: Core, frame: MasterFrame): void {
  switch (frame.kind) {
    case "registered":
      if (core.agentId !== frame.agentId) {
        if (core.agentId !== null) setAsideVolumes(core);
        saveAgent(core, frame.agentId);
      }
      resendAll(core);
      drain(core, frame.drain ?? null);
      return;
    case "drain":
      drain(core, frame.order);
      return;
    case "shutdown":
      leave(core, frame.message, true);
      return;
    case "run":
      runTask(core, frame);
      return;
    case "run-tasks":
      runTasks(core, frame);
      return;
    case "kill":
      killTask(core, frame.frameworkId, frame.taskId, frame.killPolicy ?? null);
      return;
    case "acknowledge":
      takeAcknowledgement(core, frame);
      return;
    case "framework-message":
      messageToExecutor(core, frame.frameworkId, frame.executorId, frame.data);
      return;
    case "shutdown-executor":
      shutdownExecutor(core, frame.frameworkId, frame.executorId);
      return;
    case "shutdown-framework":
      shutdownFramework(core, frame.frameworkId);
      return;
    case "volumes":
      takeVolumes(core, frame);
      return;
    default:
      assertNever(frame);
  }
}

function takeAcknowledgement(core: Core, frame: Extract<MasterFrame, { kind: "acknowledge" }>): void {
  const task = core.tasks.get(`task/${frame.frameworkId}/${frame.taskId}`);
  if (task !== undefined) acknowledge(core, task, frame.uuid);
}

function fireDeadlines(core: Core): void {
  for (;;) {
    const name = core.deadlines.take(core.now.monotonicMs);
    if (name === null) return;
    fire(core, name);
  }
}

function fire(core: Core, name: string): void {
  const colon = name.indexOf(":");
  const kind = name.slice(0, colon);
  const subject = name.slice(colon + 1);
  if (kind === "retry") {
    retry(core, subject);
    return;
  }
  if (kind === "volume") {
    retryVolume(core, subject);
    return;
  }
  if (kind === "sweep") {
    sweepSandboxes(core);
    return;
  }
  const container = core.containers.get(asContainerId(subject));
  if (container !== undefined) containerDeadlines[kind]?.(core, container);
}

const containerDeadlines: Readonly<Record<string, (core: Core, container: ContainerRecord) => void>> = {
  kill: killNow,
  complete: completionTimeReached,
  register: subscriptionTimedOut,
  heartbeat,
};

/** Removes sandboxes that have been kept long enough, or that are too many (SB04), and comes again. */
export function sweepSandboxes(core: Core): void {
  const oldestFirst = [...core.sandboxes.values()].sort((a, b) => a.endedMs - b.endedMs);
  const surplus = oldestFirst.length - SANDBOXES_KEPT_MAX;
  oldestFirst.forEach((sandbox, index) => {
    if (index >= surplus && sandbox.endedMs + core.settings.sandboxKeptMs > core.now.wallMs) return;
    perform(core, { do: "remove-sandbox", path: sandbox.path });
    forgetSandbox(core, sandbox.path);
  });
  core.deadlines.set("sweep:", core.now.monotonicMs + SANDBOX_SWEEP_MS);
}

/**
 * The first frame of a connection: all that the agent has. The master takes what it does not name for lost, so it is made
 * when everything that came over older connections has been taken in and is durable.
 */
export function registration(core: Core, version: string): RegisterAgent {
  return {
    kind: "register",
    protocolVersion: PROTOCOL_VERSION,
    ...(core.agentId === null ? {} : { agentId: core.agentId }),
    info: core.settings.info,
    ip: core.settings.ip,
    version,
    tasksPerRunMax: TASKS_PER_RUN_MAX,
    takesVolumes: true,
    drains: true,
    tasks: [...core.tasks.values()].map(({ frameworkId, taskId, state }) => ({ frameworkId, taskId, state })),
    executors: liveExecutors(core),
  };
}

function liveExecutors(core: Core): RegisterAgent["executors"] {
  return [...core.executors.values()].flatMap((id) => {
    const container = core.containers.get(id);
    if (container === undefined || container.executor === null) return [];
    return [{ frameworkId: container.frameworkId, executor: container.executor }];
  });
}

/** Nothing runs any more. */
export function isIdle(core: Core): boolean {
  return [...core.containers.values()].every(({ phase }) => phase === "ended");
}

/** The id is not to be used again: what is left of its tasks is the master's to tell. */
export function forgetAll(core: Core): void {
  core.drain = null;
  saveAgent(core, null);
  setAsideVolumes(core);
  for (const key of core.tasks.keys()) core.dirty.set(key, null);
  for (const id of core.containers.keys()) core.dirty.set(`container/${id}`, null);
  for (const id of core.frameworks.keys()) core.dirty.set(`framework/${id}`, null);
}

export function summary(core: Core): SupervisorSummary {
  const states = [...core.tasks.values()].map(({ state }) => state);
  return {
    agentId: core.agentId,
    leaving: core.leaving?.reason ?? null,
    tasks: [...core.tasks.values()].map((task) => ({
      frameworkId: task.frameworkId,
      taskId: task.taskId,
      state: task.state,
      containerId: task.containerId,
      unacknowledged: task.updates.length,
    })),
    tasksLive: states.filter((state) => !isTerminal(state)).length,
    executors: [...core.executors.values()].flatMap((id) => {
      const container = core.containers.get(id);
      if (container === undefined) return [];
      const { frameworkId, executorId } = container;
      return [{ frameworkId, executorId, containerId: id, connected: core.streamOf.has(id) }];
    }),
    containers: core.containers.size,
    sandboxesKept: core.sandboxes.size,
    volumes: [...core.volumes.values()].map(({ path, phase, identity }) => ({ path, phase, ...identity })),
  };
}

export interface SupervisorSummary {
  readonly agentId: string | null;
  readonly leaving: string | null;
  readonly tasks: readonly {
    readonly frameworkId: string;
    readonly taskId: string;
    readonly state: string;
    readonly containerId: string | null;
    readonly unacknowledged: number;
  }[];
  readonly tasksLive: number;
  readonly executors: readonly {
    readonly frameworkId: string;
    readonly executorId: string;
    readonly containerId: string;
    readonly connected: boolean;
  }[];
  readonly containers: number;
  readonly sandboxesKept: number;
  readonly volumes: readonly ({ readonly path: string; readonly phase: string } & VolumeIdentity)[];
}

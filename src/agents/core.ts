// The supervisor's state and the few operations that all of its parts share: marking records for the disk, ordering
// effects, finding things. No I/O: time and randomness come in with every step.
import type { DrainOrder } from "../contract/agent-protocol.ts";
import type { AgentInfo, ExecutorEvent, FrameworkInfo } from "../contract/types.ts";
import { present } from "../kernel/assert.ts";
import { asId, type ContainerId } from "../kernel/ids.ts";
import type { Random, Tracer } from "../kernel/ports.ts";
import { type Change, packRecord } from "./checkpoints.ts";
import { Deadlines } from "./deadlines.ts";
import type { Effect } from "./effects.ts";
import {
  AGENT_KEY,
  type AgentRecord,
  CHECKPOINT_FORMAT,
  type ContainerRecord,
  containerKey,
  executorKey,
  frameworkKey,
  REGISTRATION_KEY,
  type RegistrationRecord,
  type SandboxRecord,
  type StoredRecord,
  sandboxKey,
  type TaskRecord,
  taskKey,
  type VolumeRecord,
  volumeKey,
} from "./records.ts";
import type { RuntimeName } from "./runtime.ts";

export interface SupervisorSettings {
  readonly runtime: RuntimeName;
  /** As advertised; `id` is not set. */
  readonly info: AgentInfo;
  /** The address that tasks and executors are told, such as `10.0.0.7`. */
  readonly ip: string;
  /** Port of the agent's HTTP side. */
  readonly port: number;
  /** Where a sandbox appears in a container with an image (SB03). */
  readonly sandboxMount: string;
  readonly sandboxKeptMs: number;
  readonly executorRegistrationMsMax: number;
  readonly executorReregistrationMsMax: number;
  /** Absolute path of a sandbox. */
  readonly absoluteSandbox: (relativePath: string) => string;
  /** Absolute path of a volume. */
  readonly absoluteVolume: (path: string) => string;
}

export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export interface Core {
  readonly settings: SupervisorSettings;
  readonly random: Random;
  readonly tracer: Tracer;
  now: Moment;
  agentId: string | null;
  /** While its tasks are to end and no other is taken. */
  drain: DrainOrder | null;
  /** Why the agent is ending, and whether the master said so; null while it takes tasks. */
  leaving: { readonly reason: string; readonly byMaster: boolean } | null;
  readonly frameworks: Map<string, FrameworkInfo>;
  readonly containers: Map<ContainerId, ContainerRecord>;
  readonly tasks: Map<string, TaskRecord>;
  readonly sandboxes: Map<string, SandboxRecord>;
  /** By path. */
  readonly volumes: Map<string, VolumeRecord>;
  /** By which the cluster knew the agent when it last spoke of volumes; null before that. */
  registration: string | null;
  /** Paths of volumes that are being made or removed right now. */
  readonly volumesBusy: Set<string>;
  /** Tasks whose executors are being shown volumes right now. */
  readonly attaching: Set<string>;
  /** Containers whose volumes are not ready, with their users. */
  readonly waiting: Map<ContainerId, string | null>;
  /** Containers of custom executors that have not ended, by executorKey. */
  readonly executors: Map<string, ContainerId>;
  readonly tasksOf: Map<ContainerId, Set<string>>;
  readonly containersOf: Map<string, Set<ContainerId>>;
  /** Subscribed executors, both ways. */
  readonly streams: Map<string, ContainerId>;
  readonly streamOf: Map<ContainerId, string>;
  /** Wait before the next sending of a task's first update. Milliseconds. */
  readonly retryMs: Map<string, number>;
  /** Exits that were reported before the launch was. */
  readonly earlyExits: Map<ContainerId, { readonly waitStatus: number; readonly outOfMemory: boolean }>;
  /** Monotonic clock. */
  readonly deadlines: Deadlines;
  readonly dirty: Map<string, StoredRecord | null>;
  effects: Effect[];
}

export function createCore(settings: SupervisorSettings, random: Random, tracer: Tracer): Core {
  return {
    settings,
    random,
    tracer,
    now: { wallMs: 0, monotonicMs: 0 },
    agentId: null,
    drain: null,
    leaving: null,
    frameworks: new Map(),
    containers: new Map(),
    tasks: new Map(),
    sandboxes: new Map(),
    volumes: new Map(),
    registration: null,
    volumesBusy: new Set(),
    attaching: new Set(),
    waiting: new Map(),
    executors: new Map(),
    tasksOf: new Map(),
    containersOf: new Map(),
    streams: new Map(),
    streamOf: new Map(),
    retryMs: new Map(),
    earlyExits: new Map(),
    deadlines: new Deadlines(),
    dirty: new Map(),
    effects: [],
  };
}

/** Fills a new core with what was checkpointed. @throws Error if another version of the agent wrote it differently */
export function loadRecords(core: Core, records: ReadonlyMap<string, unknown>): void {
  for (const [key, record] of records) loadRecord(core, key, record);
}

function loadRecord(core: Core, key: string, record: unknown): void {
  const kind = key.slice(0, key.indexOf("/"));
  if (key === AGENT_KEY) loadAgent(core, record as AgentRecord);
  else if (kind === "framework") core.frameworks.set(key.slice(kind.length + 1), record as FrameworkInfo);
  else if (kind === "container") indexContainer(core, record as ContainerRecord);
  else if (kind === "task") indexTask(core, record as TaskRecord);
  else if (key === REGISTRATION_KEY) core.registration = (record as RegistrationRecord).registration;
  else if (kind === "volume") core.volumes.set((record as VolumeRecord).path, record as VolumeRecord);
  else if (kind === "sandbox") core.sandboxes.set((record as SandboxRecord).path, record as SandboxRecord);
}

/** The changed records since the last call, packed as they are at this moment: they may change while they are written. */
export function takeChanges(core: Core): readonly Change[] {
  const changes = [...core.dirty].map(([key, record]): Change => [key, record && packRecord(record)]);
  core.dirty.clear();
  return changes;
}

function loadAgent(core: Core, record: AgentRecord): void {
  if (record.format !== CHECKPOINT_FORMAT) {
    throw new Error(`the checkpoints are of format ${record.format}, this agent reads ${CHECKPOINT_FORMAT}`);
  }
  core.agentId = record.agentId;
  core.drain = record.drain ?? null;
}

export function takeEffects(core: Core): readonly Effect[] {
  const effects = core.effects;
  core.effects = [];
  return effects;
}

export function perform(core: Core, effect: Effect): void {
  core.effects.push(effect);
}

export function saveAgent(core: Core, agentId: string | null): void {
  core.agentId = agentId;
  saveDrain(core, core.drain);
}

export function saveDrain(core: Core, drain: DrainOrder | null): void {
  const { agentId } = core;
  core.drain = drain;
  core.dirty.set(AGENT_KEY, { format: CHECKPOINT_FORMAT, agentId, ...(drain === null ? {} : { drain }) });
}

export function saveFramework(core: Core, frameworkId: string, framework: FrameworkInfo): void {
  core.frameworks.set(frameworkId, framework);
  core.dirty.set(frameworkKey(frameworkId), framework);
}

export function addContainer(core: Core, container: ContainerRecord): void {
  indexContainer(core, container);
  saveContainer(core, container);
}

export function saveContainer(core: Core, container: ContainerRecord): void {
  core.dirty.set(containerKey(container.containerId), container);
}

export function addTask(core: Core, task: TaskRecord): void {
  indexTask(core, task);
  saveTask(core, task);
}

export function saveTask(core: Core, task: TaskRecord): void {
  core.dirty.set(taskKey(task.frameworkId, task.taskId), task);
}

export function addSandbox(core: Core, sandbox: SandboxRecord): void {
  core.sandboxes.set(sandbox.path, sandbox);
  core.dirty.set(sandboxKey(sandbox.path), sandbox);
}

export function forgetSandbox(core: Core, path: string): void {
  core.sandboxes.delete(path);
  core.dirty.set(sandboxKey(path), null);
}

export function saveVolume(core: Core, volume: VolumeRecord): void {
  core.volumes.set(volume.path, volume);
  core.dirty.set(volumeKey(volume.path), volume);
}

export function forgetVolume(core: Core, path: string): void {
  core.volumes.delete(path);
  core.dirty.set(volumeKey(path), null);
}

export function saveRegistration(core: Core, registration: string): void {
  core.registration = registration;
  core.dirty.set(REGISTRATION_KEY, { registration });
}

function indexContainer(core: Core, container: ContainerRecord): void {
  const { containerId, frameworkId } = container;
  core.containers.set(containerId, container);
  core.tasksOf.set(containerId, core.tasksOf.get(containerId) ?? new Set());
  const siblings = core.containersOf.get(frameworkId) ?? new Set();
  core.containersOf.set(frameworkId, siblings.add(containerId));
  if (container.executor !== null && container.phase !== "ended") {
    core.executors.set(executorKey(frameworkId, container.executorId), containerId);
  }
}

function indexTask(core: Core, task: TaskRecord): void {
  const key = taskKey(task.frameworkId, task.taskId);
  core.tasks.set(key, task);
  if (task.containerId === null) return;
  const siblings = core.tasksOf.get(task.containerId) ?? new Set();
  core.tasksOf.set(task.containerId, siblings.add(key));
}

/** Drops a task whose end has been acknowledged, and its container if that has ended. */
export function forgetTask(core: Core, task: TaskRecord): void {
  const key = taskKey(task.frameworkId, task.taskId);
  core.tasks.delete(key);
  core.retryMs.delete(key);
  core.deadlines.clear(`retry:${key}`);
  core.dirty.set(key, null);
  if (task.containerId === null) {
    forgetFrameworkIfIdle(core, task.frameworkId);
    return;
  }
  core.tasksOf.get(task.containerId)?.delete(key);
  forgetContainerIfDone(core, task.containerId);
}

/** An ended container is remembered until every task of it is settled; its sandbox longer (SB04). */
export function forgetContainerIfDone(core: Core, id: ContainerId): void {
  const container = core.containers.get(id);
  if (container === undefined || container.phase !== "ended") return;
  if ((core.tasksOf.get(id)?.size ?? 0) > 0) return;
  core.containers.delete(id);
  core.tasksOf.delete(id);
  core.containersOf.get(container.frameworkId)?.delete(id);
  core.dirty.set(containerKey(id), null);
  addSandbox(core, { path: container.sandbox, endedMs: core.now.wallMs });
  forgetFrameworkIfIdle(core, container.frameworkId);
}

function forgetFrameworkIfIdle(core: Core, frameworkId: string): void {
  if ((core.containersOf.get(frameworkId)?.size ?? 0) > 0) return;
  core.containersOf.delete(frameworkId);
  const refused = [...core.tasks.values()].some((task) => task.frameworkId === frameworkId);
  if (refused || !core.frameworks.delete(frameworkId)) return;
  core.dirty.set(frameworkKey(frameworkId), null);
}

export function tasksIn(core: Core, id: ContainerId): readonly TaskRecord[] {
  const keys = [...(core.tasksOf.get(id) ?? [])];
  return keys.map((key) =>
    present(core.tasks.get(key), "a container names a task that is not there", { key }),
  );
}

export function findTask(core: Core, frameworkId: string, taskId: string): TaskRecord | undefined {
  return core.tasks.get(taskKey(frameworkId, taskId));
}

export function containerOf(core: Core, task: TaskRecord): ContainerRecord | undefined {
  return task.containerId === null ? undefined : core.containers.get(task.containerId);
}

export function findExecutor(
  core: Core,
  frameworkId: string,
  executorId: string,
): ContainerRecord | undefined {
  const id = core.executors.get(executorKey(frameworkId, executorId));
  return id === undefined ? undefined : core.containers.get(id);
}

export function frameworkCan(core: Core, frameworkId: string, capability: string): boolean {
  const capabilities = core.frameworks.get(frameworkId)?.capabilities ?? [];
  return capabilities.some(({ type }) => type === capability);
}

/** Sends an event to the executor of a container; false if it is not subscribed. */
export function tellExecutor(core: Core, container: ContainerRecord, event: ExecutorEvent): boolean {
  const streamId = core.streamOf.get(container.containerId);
  if (streamId === undefined) return false;
  perform(core, { do: "executor-event", streamId, event });
  return true;
}

export function dropStream(core: Core, id: ContainerId): string | null {
  const streamId = core.streamOf.get(id);
  if (streamId === undefined) return null;
  core.streamOf.delete(id);
  core.streams.delete(streamId);
  core.deadlines.clear(`heartbeat:${id}`);
  return streamId;
}

/** Sets a deadline that is kept on the wall clock, so that it holds across restarts, on the monotonic one. */
export function setWallDeadline(core: Core, name: string, atWallMs: number): void {
  core.deadlines.set(name, core.now.monotonicMs + Math.max(0, atWallMs - core.now.wallMs));
}

export function asContainerId(value: string): ContainerId {
  return asId<ContainerId>(value);
}

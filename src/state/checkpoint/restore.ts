// A state from the units of a snapshot: the counterpart of units.ts. What the units hold is vouched for by the checksum
// of the file they came in; units that do not fit together are an error all the same, not a state.
import { noAccessCounts } from "../../allocator/access.ts";
import type { ExecutorId, FrameworkId, TaskId } from "../../kernel/ids.ts";
import { ownText } from "../../kernel/own-text.ts";
import type { Agent, ClusterState, Executor, FinishedOperation, Framework, Offer, Task } from "../model.ts";
import { setPair } from "../pairs.ts";
import { type RecordedPolicy, withChanges } from "../policy.ts";
import { allocatorReaders } from "./allocator-restore.ts";
import { type Draft, type Entries, fill, mark, owner, type Reader } from "./draft.ts";
import { TAGS } from "./unit.ts";

/** Adds a unit. @throws TypeError if it does not fit */
export function addUnit(draft: Draft, tag: unknown, value: unknown): void {
  const reader = typeof tag === "number" ? readers.get(tag) : undefined;
  if (reader === undefined) throw new TypeError(`a snapshot holds a unit of an unknown kind: ${String(tag)}`);
  reader(draft, value as never);
}

const readers: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [TAGS.head, readHead],
  [TAGS.absentFrameworks, ({ state }, list: Entries<never, never>) => fill(state.absentFrameworks, list)],
  [TAGS.absentAgents, ({ state }, list: Entries<never, never>) => fill(state.absentAgents, list)],
  [TAGS.goneAgents, ({ state }, list: Entries<never, never>) => fill(state.goneAgents, list)],
  [TAGS.weights, ({ state }, list: Entries<never, never>) => fill(state.weights, list)],
  [TAGS.policy, ({ state }, changes: RecordedPolicy) => setPolicy(state, changes)],
  [TAGS.whitelist, addHosts],
  [TAGS.offers, addOffers],
  [TAGS.operations, addOperations],
  [TAGS.framework, (draft, head: Framework) => addFramework(draft, draft.state.frameworks, head)],
  [
    TAGS.completedFramework,
    (draft, head: Framework) => addFramework(draft, draft.state.completedFrameworks, head),
  ],
  [TAGS.offersOfFramework, (draft, ids: readonly Offer["id"][]) => mark(owner(draft.framework).offers, ids)],
  [TAGS.agent, addAgent],
  [TAGS.tasksOnAgent, enterFrameworkOnAgent],
  [TAGS.executorsOnAgent, enterFrameworkOnAgent],
  [TAGS.taskIds, addTaskIds],
  [TAGS.executorIds, addExecutorIds],
  [TAGS.offersOfAgent, (draft, ids: readonly Offer["id"][]) => mark(owner(draft.agent).offers, ids)],
  [TAGS.tasksOf, enterFramework],
  [TAGS.executor, addExecutor],
  [TAGS.task, (draft, task: Task) => addTask(draft, task, "tasks")],
  [TAGS.unreachableTask, (draft, task: Task) => addTask(draft, task, "unreachableTasks")],
  [TAGS.completedTask, addCompletedTask],
  ...allocatorReaders,
]);

function readHead(draft: Draft, head: ClusterState): void {
  const { allocator, ...rest } = head;
  Object.assign(draft.state, rest);
  Object.assign(draft.state.allocator, allocator);
  draft.state.allocator.live = { ...noAccessCounts(), ...allocator.live };
  draft.headSeen = true;
}

function setPolicy(state: ClusterState, changes: RecordedPolicy): void {
  state.policy = withChanges(state.policy, changes);
}

function addHosts({ state, hosts }: Draft, more: readonly string[]): void {
  for (const host of more) hosts.add(host);
  state.policy = { ...state.policy, whitelist: hosts };
}

function addOffers({ state }: Draft, offers: readonly Offer[]): void {
  for (const offer of offers) state.offers.set(offer.id, offer);
}

function addOperations({ state }: Draft, operations: readonly FinishedOperation[]): void {
  for (const operation of operations) state.operations.set(operation.number, operation);
}

/** The fields in the order in which a framework that was never packed has them. */
function addFramework(draft: Draft, frameworks: Map<FrameworkId, Framework>, head: Framework): void {
  const framework: Framework = {
    ...head,
    tasks: new Map(),
    unreachableTasks: new Map(),
    completedTasks: [],
    executors: new Map(),
    offers: new Map(),
  };
  frameworks.set(framework.id, framework);
  draft.framework = framework;
}

function enterFramework(draft: Draft, id: FrameworkId): void {
  draft.framework = draft.state.frameworks.get(id);
}

function addAgent(draft: Draft, head: Agent): void {
  const agent: Agent = { ...head, tasks: new Map(), executors: new Map(), offers: new Map() };
  draft.state.agents.set(agent.id, agent);
  draft.agent = agent;
}

function enterFrameworkOnAgent(draft: Draft, id: FrameworkId): void {
  draft.onAgent = id;
}

function addTaskIds(draft: Draft, ids: readonly TaskId[]): void {
  const frameworkId = owner(draft.onAgent);
  for (const id of ids) setPair(owner(draft.agent).tasks, frameworkId, ownText(id), true);
}

function addExecutorIds(draft: Draft, ids: readonly ExecutorId[]): void {
  const frameworkId = owner(draft.onAgent);
  for (const id of ids) setPair(owner(draft.agent).executors, frameworkId, id, true);
}

function addTask({ state, framework, common }: Draft, task: Task, to: "tasks" | "unreachableTasks"): void {
  const its = owner(framework);
  common.addTo(task, state, its);
  its[to].set(task.id, task);
}

function addCompletedTask({ state, framework, common }: Draft, task: Task): void {
  common.addTo(task, state, owner(framework));
  owner(framework).completedTasks.push(task);
}

function addExecutor(draft: Draft, executor: Executor): void {
  setPair(owner(draft.framework).executors, executor.agentId, executor.id, executor);
}

// The state as a sequence of small units in canonical order: what a snapshot is packed from, and read back by
// restore.ts. A unit may rest on the one before it: what hangs on a framework or an agent follows it. Small tables that
// change often come first, tasks last (images.ts says why).
import type { Agent, ClusterState, Framework, Task, TaskStatus } from "../model.ts";
import { ownStatuses, withOwnStatuses } from "../own-bytes.ts";
import { DEFAULT_POLICY, type Policy, policyChanges } from "../policy.ts";
import { allocatorAgentUnits, allocatorUnits, liveValue } from "./allocator-units.ts";
import { type Images, SECTIONS } from "./images.ts";
import { entriesOf, executorsOf, itemsOf, keyPairsOf, keysOf, valuesOf } from "./parts.ts";
import { TAGS, type Unit, unit, unitsOfList } from "./unit.ts";

/** Reads the state through the images while the state may change between two units. */
export function* unitsOf(state: ClusterState, images: Images): Generator<Unit, void> {
  const { policy } = state;
  yield unit(TAGS.head, headOf(state));
  yield* policyUnits(policy);
  images.enter(SECTIONS.lists);
  yield* unitsOfList(TAGS.absentFrameworks, images.list(state.absentFrameworks, entriesOf));
  yield* unitsOfList(TAGS.absentAgents, images.list(state.absentAgents, entriesOf));
  yield* unitsOfList(TAGS.goneAgents, images.list(state.goneAgents, entriesOf));
  yield* unitsOfList(TAGS.weights, images.list(state.weights, entriesOf));
  yield* unitsOfList(TAGS.offers, images.list(state.offers, valuesOf));
  yield* unitsOfList(TAGS.operations, images.list(state.operations, valuesOf));
  images.enter(SECTIONS.allocator);
  yield* allocatorUnits(state.allocator, images);
  images.enter(SECTIONS.frameworks);
  const frameworks = images.list(state.frameworks, valuesOf);
  for (const framework of frameworks) yield* headUnits(TAGS.framework, framework, images);
  images.enter(SECTIONS.agents);
  for (const agent of images.list(state.agents, valuesOf)) yield* agentUnits(agent, images);
  images.enter(SECTIONS.allocatorAgents);
  yield* allocatorAgentUnits(state.allocator, images);
  images.enter(SECTIONS.tasks);
  for (const framework of frameworks) {
    yield unit(TAGS.tasksOf, framework.id);
    yield* taskUnits(framework, images);
    images.leave(framework);
  }
  images.enter(SECTIONS.completed);
  for (const framework of images.list(state.completedFrameworks, valuesOf)) {
    yield* headUnits(TAGS.completedFramework, framework, images);
    yield* taskUnits(framework, images);
  }
}

/** What is no Map. The allocator's own head is in it. */
function headOf(state: ClusterState): unknown {
  const { clusterId, time, eventCount, leader, minted, digests, allocator } = state;
  const { nextClient, lastGiven } = allocator;
  const live = liveValue(allocator.live);
  return {
    ...{ clusterId, time, eventCount, leader, minted, digests },
    ...operatorsHead(state),
    allocator: { nextClient, live, lastGiven },
  };
}

/** Left out where there is nothing. */
function operatorsHead({ draining, maintenance }: ClusterState): Partial<ClusterState> {
  return {
    ...(draining.size === 0 ? {} : { draining }),
    ...(maintenance.machines.size === 0 ? {} : { maintenance }),
  };
}

/** Settings by default are left out, so that one that is added changes no snapshot in which nobody set it. */
function* policyUnits(policy: Policy): Generator<Unit, void> {
  const { whitelist = null, ...rest } = policyChanges(DEFAULT_POLICY, policy);
  const value = whitelist === null ? rest : { ...rest, whitelist: [] };
  if (Object.keys(value).length > 0) yield unit(TAGS.policy, value);
  yield* unitsOfList(TAGS.whitelist, whitelist ?? []);
}

function* headUnits(tag: number, framework: Framework, images: Images): Generator<Unit, void> {
  const { tasks, unreachableTasks, completedTasks, executors, offers, ...head } = images.object(framework);
  yield unit(tag, head);
  yield* unitsOfList(TAGS.offersOfFramework, images.list(offers, keysOf));
}

function* agentUnits(agent: Agent, images: Images): Generator<Unit, void> {
  const { tasks, executors, offers, ...head } = images.object(agent);
  yield unit(TAGS.agent, head);
  for (const [frameworkId, taskIds] of images.list(tasks, keyPairsOf)) {
    yield unit(TAGS.tasksOnAgent, frameworkId);
    yield* unitsOfList(TAGS.taskIds, taskIds);
  }
  for (const [frameworkId, executorIds] of images.list(executors, keyPairsOf)) {
    yield unit(TAGS.executorsOnAgent, frameworkId);
    yield* unitsOfList(TAGS.executorIds, executorIds);
  }
  yield* unitsOfList(TAGS.offersOfAgent, images.list(offers, keysOf));
}

function* taskUnits(framework: Framework, images: Images): Generator<Unit, void> {
  for (const executor of images.list(framework.executors, executorsOf)) {
    yield unit(TAGS.executor, images.object(executor));
  }
  for (const task of images.list(framework.tasks, valuesOf)) yield taskUnit(TAGS.task, task, images);
  for (const task of images.list(framework.unreachableTasks, valuesOf)) {
    yield taskUnit(TAGS.unreachableTask, task, images);
  }
  for (const task of images.list(framework.completedTasks, itemsOf)) {
    yield taskUnit(TAGS.completedTask, task, images);
  }
}

function taskUnit(tag: number, task: Task, images: Images): Unit {
  ownStatuses(task);
  const own = withOwnStatuses(images.object(task));
  return unit(tag, own, encodedLength(own));
}

/** Of what is encoded in it; messages are not counted. */
function encodedLength({ wire, statuses, unacknowledged }: Task): number {
  let length = lengthOf(wire);
  for (const status of statuses) length += lengthOf(status.wire);
  return unacknowledged === null
    ? length
    : length + lengthOf(unacknowledged.wire) + lengthOf(unacknowledged.data);
}

function lengthOf(part: Task["wire"] | TaskStatus["wire"] | undefined): number {
  return typeof part === "string" || part instanceof Uint8Array ? part.length : 0;
}

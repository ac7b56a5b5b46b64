// The checker is worth something: it finds each kind of damage that is done to a sound state.
import { expect, it } from "vitest";
import { recover } from "../../../src/allocator/index.ts";
import { asId } from "../../../src/kernel/ids.ts";
import { checkInvariants } from "../../../src/state/check-invariants.ts";
import type { ClusterState, Framework, Task } from "../../../src/state/model.ts";
import { Cluster, scalars, taskSpec } from "./cluster.ts";

function sound() {
  const cluster = new Cluster();
  const id = cluster.subscribe();
  const agentId = cluster.agent();
  cluster.accept([cluster.offer()], [taskSpec("t1", agentId), taskSpec("t2", agentId)]);
  const offer = cluster.offer();
  checkInvariants(cluster.state);
  return {
    state: cluster.state,
    framework: cluster.framework(id),
    task: cluster.task(id, "t1"),
    agentId,
    offer,
  };
}

type Damage = (state: ClusterState, framework: Framework, task: Task) => void;

const damages: readonly (readonly [string, Damage])[] = [
  [
    "a task that forgot its resources",
    (_s, _f, task) => {
      task.holdsResources = false;
    },
  ],
  [
    "a task that ended and holds resources",
    (_s, _f, task) => {
      task.state = "TASK_FAILED";
    },
  ],
  ["a lost task", (_s, framework, task) => void framework.tasks.delete(task.id)],
  ["a lost offer", (s) => void s.offers.clear()],
  ["an offer to nobody", (_s, framework) => void framework.offers.clear()],
  ["a framework that nobody waits for", (s, framework) => void s.absentFrameworks.set(framework.id, s.time)],
  [
    "an absent framework with offers",
    (s, framework) => {
      framework.connection = { kind: "disconnected", since: s.time, deadline: s.time };
      s.absentFrameworks.set(framework.id, s.time);
    },
  ],
  [
    "an absent agent with offers",
    (s) => {
      for (const agent of s.agents.values()) {
        agent.connection = { kind: "disconnected", since: s.time, deadline: s.time };
        s.absentAgents.set(agent.id, s.time);
      }
    },
  ],
  [
    "an allocator that counts less",
    (s, framework, task) => recover(s.allocator, framework.id, task.role, task.agentId, task.resources),
  ],
  ["a task twice", (_s, framework, task) => void framework.unreachableTasks.set(task.id, task)],
  [
    "an agent with less than is used",
    (s) => {
      for (const agent of s.agents.values())
        agent.spec = { ...agent.spec, resources: scalars({ cpus: 0.1 }) };
    },
  ],
  [
    "an agent that is gone and here",
    (s) => void s.goneAgents.set(asId("c-S0"), { at: s.time, cause: "gone" }),
  ],
];

it.each(damages)("finds %s", (_name, damage) => {
  const { state, framework, task } = sound();
  damage(state, framework, task);
  expect(() => checkInvariants(state)).toThrow();
});

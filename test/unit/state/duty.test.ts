// Agents that an operator takes out of the offers, drains or marks as gone: MO16, MO19, MN08, trap 34.
import { describe, expect, it } from "vitest";
import { whyText } from "../../../src/cli/why-text.ts";
import { asId, asMillis } from "../../../src/kernel/ids.ts";
import type { DrainConfig, FrameworkCapability } from "../../../src/state/model.ts";
import { decodeSnapshot, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { why, whyJson } from "../../../src/state/why.ts";
import { agentSpec, Cluster, sent, told, toldStates, wires } from "./cluster.ts";

const GRACE: DrainConfig = { maxGraceNanos: 2_500_000_000n, markGone: false };

function running(capabilities: readonly FrameworkCapability[] = ["MULTI_ROLE", "PARTITION_AWARE"]) {
  const cluster = new Cluster();
  const id = cluster.subscribe({ capabilities, failoverTimeoutMs: 1e9 });
  const agentId = cluster.agent();
  cluster.launch("t1");
  cluster.acknowledge(id, "t1", cluster.status(id, "t1", "TASK_RUNNING").uuid);
  return { cluster, id, agentId };
}

function draining(config: DrainConfig = GRACE, capabilities?: readonly FrameworkCapability[]) {
  const parts = running(capabilities);
  const effects = parts.cluster.do({ kind: "drain-agent", agentId: parts.agentId, config });
  return { ...parts, effects };
}

/** Its last task ends and the framework acknowledges that. */
function finish(cluster: Cluster, id: ReturnType<Cluster["subscribe"]>): void {
  cluster.acknowledge(id, "t1", cluster.status(id, "t1", "TASK_KILLED").uuid);
}

function deactivationOf({ state }: Cluster, agentId: ReturnType<Cluster["agent"]>) {
  return state.agents.get(agentId)?.deactivation;
}

describe("DEACTIVATE_AGENT", () => {
  it("rescinds what is offered of the agent, and nothing is offered of it until it is active again", () => {
    const { cluster, id, agentId } = running();
    const offer = cluster.offer();
    const effects = cluster.do({ kind: "deactivate-agent", agentId });
    expect(told(effects, id)).toEqual([{ kind: "rescind", offerId: offer.id }]);
    expect(cluster.allocate()).toEqual([]);
    cluster.do({ kind: "reactivate-agent", agentId });
    expect(cluster.allocate().map((each) => each.agentId)).toEqual([agentId]);
  });

  it("leaves tasks alone, and says nothing to the agent", () => {
    const { cluster, id, agentId } = running();
    expect(sent(cluster.do({ kind: "deactivate-agent", agentId }))).toEqual([]);
    expect(cluster.task(id, "t1").kill).toBeNull();
  });

  it("holds across changes of leader, registrations, and while the agent is unreachable", () => {
    const { cluster, id, agentId } = running();
    cluster.do({ kind: "deactivate-agent", agentId });
    cluster.do({ kind: "lead", memberId: asId("m2"), term: asId<never>("2") });
    cluster.subscribe({}, id);
    cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(cluster.allocate()).toEqual([]);
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(cluster.allocate()).toEqual([]);
    cluster.do({ kind: "reactivate-agent", agentId });
    expect(cluster.allocate()).toHaveLength(1);
  });

  it("is refused for an unknown agent, and nothing for one that is deactivated", () => {
    const { cluster, agentId } = running();
    const unknown = cluster.try({ kind: "deactivate-agent", agentId: asId("nope") }).decision;
    expect(unknown).toMatchObject({ rejection: { code: "agent-unknown", message: "Unknown agent" } });
    cluster.do({ kind: "deactivate-agent", agentId });
    expect(cluster.try({ kind: "deactivate-agent", agentId }).events).toEqual([]);
  });
});

describe("REACTIVATE_AGENT", () => {
  it("is refused for an agent that is active or unknown, and for one that drains", () => {
    const { cluster, agentId } = running();
    for (const which of [agentId, asId<typeof agentId>("nope")]) {
      const { decision } = cluster.try({ kind: "reactivate-agent", agentId: which });
      expect(decision).toMatchObject({ rejection: { message: "Agent is not deactivated" } });
    }
    cluster.do({ kind: "drain-agent", agentId, config: GRACE });
    const { decision } = cluster.try({ kind: "reactivate-agent", agentId });
    expect(decision).toMatchObject({ rejection: { message: "Agent is still in the DRAINING state" } });
  });

  it("leaves an agent that is away without offers until it is there", () => {
    const { cluster, id, agentId } = running();
    cluster.do({ kind: "deactivate-agent", agentId });
    cluster.loseAgent(agentId);
    cluster.do({ kind: "reactivate-agent", agentId });
    expect(cluster.allocate()).toEqual([]);
    cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(cluster.allocate()).toHaveLength(1);
  });

  it("tells the agent that it drains no more", () => {
    const { cluster, id, agentId } = draining();
    finish(cluster, id);
    cluster.do({ kind: "expire" });
    const effects = cluster.do({ kind: "reactivate-agent", agentId });
    expect(sent(effects)).toEqual([{ kind: "drain", config: null }]);
  });
});

describe("DRAIN_AGENT", () => {
  it("rescinds the offers and tells the agent, once; the end of its tasks is the agent's to tell", () => {
    const { cluster, id, agentId } = running();
    const offer = cluster.offer();
    const effects = cluster.do({ kind: "drain-agent", agentId, config: GRACE });
    expect(told(effects, id)).toEqual([{ kind: "rescind", offerId: offer.id }]);
    expect(sent(effects)).toEqual([{ kind: "drain", config: GRACE }]);
    expect(cluster.allocate()).toEqual([]);
    expect(deactivationOf(cluster, agentId)?.drain).toEqual({
      ...GRACE,
      state: "draining",
      since: cluster.now,
    });
  });

  it("is done when the end of the last task is acknowledged, not before", () => {
    const { cluster, id, agentId } = draining();
    const { uuid } = cluster.status(id, "t1", "TASK_KILLED");
    cluster.do({ kind: "expire" });
    expect(deactivationOf(cluster, agentId)?.drain?.state).toBe("draining");
    cluster.acknowledge(id, "t1", uuid);
    cluster.do({ kind: "expire" });
    expect(deactivationOf(cluster, agentId)?.drain?.state).toBe("drained");
    expect(cluster.allocate()).toEqual([]);
  });

  it("is done at once for an agent without tasks", () => {
    const cluster = new Cluster();
    const agentId = cluster.agent();
    cluster.do({ kind: "drain-agent", agentId, config: GRACE });
    expect(deactivationOf(cluster, agentId)?.drain?.state).toBe("drained");
  });

  it("is said again to an agent that comes back, however it was away", () => {
    const { cluster, id, agentId } = draining();
    cluster.loseAgent(agentId);
    const back = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(back.effects).toContainEqual(
      expect.objectContaining({ message: { kind: "registered", agentId, drain: GRACE } }),
    );
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    expect(deactivationOf(cluster, agentId)?.drain?.state).toBe("draining");
    const again = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(again.effects).toContainEqual(
      expect.objectContaining({ message: { kind: "registered", agentId, drain: GRACE } }),
    );
  });

  it("launches nothing on it that it has not heard of: the task is dropped", () => {
    const { cluster, id, agentId } = running();
    cluster.launch("t2");
    cluster.loseAgent(agentId);
    cluster.do({ kind: "drain-agent", agentId, config: GRACE });
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(toldStates(effects, id)).toEqual(["TASK_DROPPED"]);
    expect(wires(effects)).toMatchObject([{ reason: "REASON_AGENT_DRAINING" }]);
    expect(sent(effects)).toEqual([]);
  });

  it("takes the place of an earlier one, also of one that is done", () => {
    const { cluster, id, agentId } = draining();
    cluster.wait(10);
    const shorter = { maxGraceNanos: 0n, markGone: false };
    expect(sent(cluster.do({ kind: "drain-agent", agentId, config: shorter }))).toEqual([
      { kind: "drain", config: shorter },
    ]);
    finish(cluster, id);
    cluster.do({ kind: "expire" });
    const again = cluster.try({ kind: "drain-agent", agentId, config: GRACE });
    expect(again.events.map(({ kind }) => kind)).toEqual(["AgentDrainStarted", "AgentDrained"]);
  });

  it("is refused for an unknown agent, and for one that does not know the word", () => {
    const cluster = new Cluster();
    const { drains: _drains, ...spec } = agentSpec();
    const registered = cluster.try({
      kind: "register-agent",
      agentId: null,
      spec,
      connectionId: "old",
      tasks: [],
      executors: [],
    });
    expect(registered.decision.kind).toBe("accepted");
    const old = cluster.try({ kind: "drain-agent", agentId: asId("c-S0"), config: GRACE }).decision;
    expect(old).toMatchObject({ rejection: { message: "Agent c-S0 is not capable of draining" } });
    const unknown = cluster.try({ kind: "drain-agent", agentId: asId("nope"), config: GRACE }).decision;
    expect(unknown).toMatchObject({ rejection: { code: "agent-unknown", message: "Unknown agent" } });
  });

  it("ends with an agent that is gone, if it was asked for so", () => {
    const { cluster, id, agentId } = draining({ ...GRACE, markGone: true });
    cluster.acknowledge(id, "t1", cluster.status(id, "t1", "TASK_GONE_BY_OPERATOR").uuid);
    const effects = cluster.do({ kind: "expire" });
    expect(told(effects, id)).toEqual([{ kind: "failure", agentId, executorId: null, waitStatus: null }]);
    expect(effects).toContainEqual({
      to: "connection",
      connectionId: "connection-1",
      message: { kind: "shutdown", message: "Agent has been marked gone" },
    });
    expect(cluster.state.agents.has(agentId)).toBe(false);
    expect(cluster.state.goneAgents.get(agentId)?.cause).toBe("gone");
  });

  it("waits for an agent that is unreachable: it may have more than is known", () => {
    const { cluster, id, agentId } = draining();
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    cluster.do({ kind: "expire" });
    expect(deactivationOf(cluster, agentId)?.drain?.state).toBe("draining");
    const { effects } = cluster.register(undefined, [], agentId);
    expect(toldStates(effects, id)).toEqual(["TASK_GONE"]);
    cluster.do({ kind: "expire" });
    expect(deactivationOf(cluster, agentId)?.drain?.state).toBe("drained");
  });

  it("is in the snapshot and the digest", () => {
    const { cluster } = draining();
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    expect(restored.ok && restored.value).toEqual(cluster.state);
    expect(restored.ok && digest(restored.value)).toBe(digest(cluster.state));
    expect(restored.ok && [...restored.value.draining]).toHaveLength(1);
  });
});

describe("MARK_AGENT_GONE", () => {
  it("tells tasks, rescinds, tells the failure, shuts the agent down; it must not come back", () => {
    const { cluster, id, agentId } = running();
    const offer = cluster.offer();
    const effects = cluster.do({ kind: "mark-agent-gone", agentId });
    expect(told(effects, id).map(({ kind }) => kind)).toEqual(["update", "rescind", "failure"]);
    expect(told(effects, id)).toContainEqual({ kind: "rescind", offerId: offer.id });
    expect(wires(effects)).toMatchObject([
      {
        state: "TASK_GONE_BY_OPERATOR",
        reason: "REASON_AGENT_REMOVED_BY_OPERATOR",
        message: "Agent has been marked gone",
        source: "SOURCE_MASTER",
      },
    ]);
    expect(effects.filter(({ to }) => to === "operators")).toHaveLength(1);
    const { decision } = cluster.try({
      kind: "register-agent",
      agentId,
      spec: agentSpec(),
      connectionId: "again",
      tasks: [],
      executors: [],
    });
    expect(decision).toMatchObject({ rejection: { code: "agent-gone" } });
  });

  it("is TASK_LOST for frameworks that do not know partitions", () => {
    const { cluster, agentId } = running(["MULTI_ROLE"]);
    expect(wires(cluster.do({ kind: "mark-agent-gone", agentId }))).toMatchObject([
      { state: "TASK_LOST", reason: "REASON_AGENT_REMOVED" },
    ]);
  });

  it("ends tasks of an agent that is unreachable, too", () => {
    const { cluster, id, agentId } = running();
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    const effects = cluster.do({ kind: "mark-agent-gone", agentId });
    expect(toldStates(effects, id)).toEqual(["TASK_GONE_BY_OPERATOR"]);
    expect(cluster.framework(id).unreachableTasks.size).toBe(0);
  });

  it("is nothing for one that is gone, and is refused for an unknown one", () => {
    const { cluster, agentId } = running();
    cluster.do({ kind: "mark-agent-gone", agentId });
    expect(cluster.try({ kind: "mark-agent-gone", agentId }).events).toEqual([]);
    const { decision } = cluster.try({ kind: "mark-agent-gone", agentId: asId("nope") });
    expect(decision).toMatchObject({
      rejection: { code: "agent-not-found", message: "Agent 'nope' not found" },
    });
  });
});

it("why says who keeps an agent out and since when, when its machine is planned to be down, and which machines are", () => {
  const { cluster, id, agentId } = running();
  const about = () => why(cluster.state, asMillis(cluster.now), { frameworkId: id })?.agents[0];
  expect(about()).toMatchObject({ keptOut: null, unavailableFrom: null });
  const unavailability = { start: 5_000_000n, duration: null };
  const windows = [{ machines: [{ hostname: "host" }], unavailability }];
  cluster.do({ kind: "deactivate-agent", agentId });
  cluster.do({ kind: "update-maintenance-schedule", windows });
  expect(about()).toMatchObject({
    verdict: { kind: "closed", reason: { kind: "inactive" } },
    keptOut: { kind: "deactivated", since: cluster.now },
    unavailableFrom: 5,
  });
  cluster.do({ kind: "update-maintenance-schedule", windows: [] });
  cluster.wait(10);
  cluster.do({ kind: "drain-agent", agentId, config: GRACE });
  expect(about()?.keptOut).toEqual({ kind: "draining", since: cluster.now });
  const text = () => {
    const report = why(cluster.state, asMillis(cluster.now), { frameworkId: id });
    return report === null ? "" : whyText(JSON.parse(whyJson(report)));
  };
  expect(text()).toContain("host: has been draining for 0.0 s: its tasks end, and nothing of it is offered");
  cluster.do({ kind: "update-maintenance-schedule", windows });
  expect(text()).toContain("its machine is planned to be down from 1970-01-01T00:00:00.005Z");
  cluster.do({ kind: "start-maintenance", machines: [{ hostname: "host" }] });
  expect(text()).toContain("Down for maintenance, with their agents: host.");
});

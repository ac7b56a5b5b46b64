// Machines that an operator schedules, takes down and brings up: MO15, MN07, MN14, trap 35.
import { describe, expect, it } from "vitest";
import { asId, asTerm } from "../../../src/kernel/ids.ts";
import { INVERSE_OFFERS_KEPT_MAX, MACHINES_MAX, TASKS_AT_ONCE_MAX } from "../../../src/state/limits.ts";
import type { MachineId, MaintenanceWindow } from "../../../src/state/model.ts";
import { decodeSnapshot, digest, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { Cluster, scalars, taskSpec, told, toldStates, wires } from "./cluster.ts";

/** As agents of these tests say it, in other letters. */
const HOST: MachineId = { hostname: "HOST" };
const OTHER: MachineId = { hostname: "other", ip: "10.0.0.9" };

function window(start: bigint, ...machines: MachineId[]): MaintenanceWindow {
  return { machines, unavailability: { start, duration: 5n } };
}

function running() {
  const cluster = new Cluster();
  const id = cluster.subscribe({ capabilities: ["MULTI_ROLE", "PARTITION_AWARE"], failoverTimeoutMs: 1e9 });
  const agentId = cluster.agent();
  cluster.launch("t1");
  cluster.acknowledge(id, "t1", cluster.status(id, "t1", "TASK_RUNNING").uuid);
  return { cluster, id, agentId };
}

/** Two agents with more tasks than one entry ends. */
function crowded() {
  const cluster = new Cluster();
  const id = cluster.subscribe({ capabilities: ["MULTI_ROLE", "PARTITION_AWARE"], failoverTimeoutMs: 1e9 });
  const agents = [0, 1].map(() => cluster.agent(scalars({ cpus: 400, mem: 1_000_000 })));
  for (const agentId of agents) {
    const offer =
      cluster.allocate().find((each) => each.agentId === agentId) ??
      [...cluster.state.offers.values()].find((each) => each.agentId === agentId);
    if (offer === undefined) throw new Error("no offer");
    const tasks = Array.from({ length: TASKS_AT_ONCE_MAX / 2 + 100 }, (_none, n) =>
      taskSpec(`${agentId}-${n}`, agentId, { cpus: 0.001 }),
    );
    cluster.accept(
      [offer],
      tasks.map((task) => ({ ...task, resources: scalars({ cpus: 0.001 }) })),
    );
  }
  return { cluster, id };
}

function schedule(cluster: Cluster, ...windows: MaintenanceWindow[]) {
  return cluster.do({ kind: "update-maintenance-schedule", windows });
}

function refusal(cluster: Cluster, kind: "start-maintenance" | "stop-maintenance", machine: MachineId) {
  const { decision } = cluster.try({ kind, machines: [machine] });
  return decision.kind === "rejected" ? decision.rejection.message : null;
}

describe("UPDATE_MAINTENANCE_SCHEDULE", () => {
  it("rescinds what is offered of agents on the machines, which are offered again with their unavailability", () => {
    const { cluster, id } = running();
    const offer = cluster.offer();
    expect(told(schedule(cluster, window(7n, HOST)), id)).toEqual([{ kind: "rescind", offerId: offer.id }]);
    const [again] = told(cluster.do({ kind: "allocate" }), id);
    expect(again).toMatchObject({
      kind: "offers",
      offers: [{ unavailability: { start: 7n, duration: 5n } }],
    });
  });

  it("rescinds again when the time changes or the machine is up again, and nothing when nothing changes", () => {
    const { cluster, id } = running();
    const rescinds = (...windows: MaintenanceWindow[]) => {
      cluster.allocate();
      return told(schedule(cluster, ...windows), id).length;
    };
    expect(rescinds(window(7n, OTHER))).toBe(0);
    expect(rescinds(window(7n, HOST), window(9n, OTHER))).toBe(1);
    expect(rescinds(window(7n, HOST))).toBe(0);
    expect(rescinds(window(8n, HOST))).toBe(1);
    expect(rescinds()).toBe(1);
    const [offered] = told(cluster.do({ kind: "allocate" }), id);
    expect(offered).toMatchObject({ offers: [{ unavailability: null }] });
  });

  it("may not drop a machine that is down, which stays down", () => {
    const { cluster } = running();
    schedule(cluster, window(7n, OTHER));
    cluster.do({ kind: "start-maintenance", machines: [OTHER] });
    const { decision } = cluster.try({ kind: "update-maintenance-schedule", windows: [] });
    expect(decision).toMatchObject({
      rejection: {
        message: `Machine '{"hostname":"other","ip":"10.0.0.9"}' is deactivated and cannot be removed from the schedule`,
      },
    });
    schedule(cluster, window(8n, OTHER, HOST));
    expect([...cluster.state.maintenance.machines.values()].map(({ mode }) => mode)).toEqual([
      "down",
      "draining",
    ]);
  });

  it("is refused with more machines than are kept", () => {
    const cluster = new Cluster();
    const machines = Array.from({ length: MACHINES_MAX + 1 }, (_none, n) => ({ hostname: `h${n}` }));
    const { decision } = cluster.try({
      kind: "update-maintenance-schedule",
      windows: [window(1n, ...machines)],
    });
    expect(decision).toMatchObject({ rejection: { code: "maintenance-refused" } });
  });

  it("keeps an agent of a scheduled machine from being drained", () => {
    const { cluster, agentId } = running();
    schedule(cluster, window(7n, HOST));
    const config = { maxGraceNanos: null, markGone: false };
    const { decision } = cluster.try({ kind: "drain-agent", agentId, config });
    const text = `Agent ${agentId} is part of a maintenance schedule under Machine HOST`;
    expect(decision).toMatchObject({ rejection: { message: text } });
  });
});

describe("START_MAINTENANCE", () => {
  it("is only for machines in the schedule that are not down", () => {
    const { cluster } = running();
    const about = `Machine '{"hostname":"other","ip":"10.0.0.9"}'`;
    expect(refusal(cluster, "start-maintenance", OTHER)).toBe(
      `${about} is not part of a maintenance schedule`,
    );
    schedule(cluster, window(7n, OTHER));
    cluster.do({ kind: "start-maintenance", machines: [OTHER] });
    const again = `${about} is not in DRAINING mode and cannot be brought down`;
    expect(refusal(cluster, "start-maintenance", OTHER)).toBe(again);
  });

  it("shuts the agents of the machine down and tells their frameworks as the operator's doing", () => {
    const { cluster, id, agentId } = running();
    schedule(cluster, window(7n, HOST));
    const effects = cluster.do({ kind: "start-maintenance", machines: [HOST] });
    expect(wires(effects)).toMatchObject([
      { state: "TASK_GONE_BY_OPERATOR", reason: "REASON_AGENT_REMOVED_BY_OPERATOR" },
    ]);
    expect(told(effects, id).map(({ kind }) => kind)).toEqual(["update", "failure"]);
    expect(effects).toContainEqual({
      to: "connection",
      connectionId: "connection-1",
      message: { kind: "shutdown", message: "Operator initiated 'Machine DOWN'" },
    });
    expect(effects).toContainEqual({ to: "operators", event: { kind: "agent-removed", agentId } });
    expect(cluster.state.agents.size).toBe(0);
  });

  it("keeps agents of the machine from registering until it is up, also across a change of leader", () => {
    const { cluster } = running();
    schedule(cluster, window(7n, HOST));
    cluster.do({ kind: "start-maintenance", machines: [HOST] });
    cluster.do({ kind: "lead", memberId: asId("m2"), term: asId<never>("2") });
    expect(() => cluster.agent()).toThrow("Machine is `DOWN`");
    cluster.do({ kind: "stop-maintenance", machines: [HOST] });
    expect(() => cluster.agent()).not.toThrow();
    expect(cluster.state.maintenance).toEqual({ windows: [], machines: new Map(), inverse: new Map() });
  });

  it("refuses an agent that was unreachable when its machine went down", () => {
    const { cluster, id, agentId } = running();
    cluster.loseAgent(agentId);
    cluster.wait(75_000);
    cluster.do({ kind: "expire" });
    schedule(cluster, window(7n, HOST));
    expect(toldStates(cluster.do({ kind: "start-maintenance", machines: [HOST] }), id)).toEqual([]);
    expect(() => cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId)).toThrow(
      "Machine is `DOWN`",
    );
  });

  it("ends very many tasks in several entries, the last of which removes the last agent", () => {
    const { cluster, id } = crowded();
    schedule(cluster, window(7n, HOST));
    const before = cluster.log.length;
    const effects = cluster.do({ kind: "start-maintenance", machines: [HOST] });
    expect(cluster.log.length - before).toBe(2);
    expect(toldStates(effects, id)).toHaveLength(TASKS_AT_ONCE_MAX + 200);
    expect(effects.filter((effect) => effect.to === "connection")).toHaveLength(2);
    expect(cluster.state.agents.size).toBe(0);
  });

  it("may be said again if leadership was lost when it was half done; nothing is offered of a machine that is down", () => {
    const { cluster, id } = crowded();
    cluster.agent();
    schedule(cluster, window(7n, HOST));
    cluster.allocate();
    expect(cluster.part({ kind: "start-maintenance", machines: [HOST] }).next).toBeDefined();
    expect(cluster.state.agents.size).toBe(2);
    cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2) });
    expect(refusal(cluster, "start-maintenance", HOST)).toBeNull();
    expect(cluster.state.agents.size).toBe(0);
    expect(cluster.framework(id).tasks.size).toBe(0);
    expect([...cluster.state.maintenance.machines.values()].map(({ mode }) => mode)).toEqual(["down"]);
  });
});

describe("STOP_MAINTENANCE", () => {
  it("is only for machines that are down; others of the window stay in it", () => {
    const { cluster } = running();
    schedule(cluster, window(7n, OTHER, HOST));
    const about = `Machine '{"hostname":"other","ip":"10.0.0.9"}'`;
    expect(refusal(cluster, "stop-maintenance", OTHER)).toBe(
      `${about} is not in DOWN mode and cannot be brought up`,
    );
    cluster.do({ kind: "start-maintenance", machines: [OTHER] });
    cluster.do({ kind: "stop-maintenance", machines: [OTHER] });
    expect(cluster.state.maintenance.windows).toEqual([window(7n, HOST)]);
  });
});

it("the schedule and what is down are in the snapshot and the digest", () => {
  const cluster = new Cluster();
  schedule(cluster, window(7n, OTHER, HOST), {
    machines: [{ ip: "10.0.0.1" }],
    unavailability: { start: 1n, duration: null },
  });
  cluster.do({ kind: "start-maintenance", machines: [OTHER] });
  const restored = decodeSnapshot(encodeSnapshot(cluster.state));
  expect(restored.ok && restored.value).toEqual(cluster.state);
  expect(restored.ok && digest(restored.value)).toBe(digest(cluster.state));
});

describe("inverse offers", () => {
  function asked() {
    const { cluster, id, agentId } = running();
    schedule(cluster, window(7n, HOST));
    const [event] = told(cluster.do({ kind: "expire" }), id);
    if (event?.kind !== "inverse-offers") throw new Error("nobody is asked");
    const [offer] = event.offers;
    if (offer === undefined) throw new Error("nothing is asked");
    return { cluster, id, agentId, offer };
  }

  function answer(
    { cluster, id, offer }: Pick<ReturnType<typeof asked>, "cluster" | "id" | "offer">,
    refuseMs: number,
    status: "ACCEPT" | "DECLINE" = "DECLINE",
  ) {
    const offerIds = [offer.offerId];
    cluster.do({ kind: "answer-inverse-offers", frameworkId: id, offerIds, status, refuseMs });
  }

  function questions(cluster: Cluster) {
    return told(cluster.do({ kind: "expire" })).filter(({ kind }) => kind === "inverse-offers");
  }

  it("ask who holds something of an agent whose machine is to be down, once, and nobody else", () => {
    const { cluster, id, agentId, offer } = asked();
    expect(offer).toMatchObject({ frameworkId: id, agentId, unavailability: { start: 7n, duration: 5n } });
    cluster.subscribe({ name: "other" });
    expect(questions(cluster)).toEqual([]);
  });

  it("are made again when the refused time is over, or at once without one; the newest answer is kept", () => {
    const parts = asked();
    const { cluster, id, agentId } = parts;
    answer(parts, 5_000, "ACCEPT");
    const kept = () => cluster.state.maintenance.inverse.get(agentId)?.get(id)?.answer;
    expect(kept()).toEqual({ status: "ACCEPT", at: cluster.now });
    cluster.wait(4_999);
    expect(questions(cluster)).toEqual([]);
    cluster.wait(1);
    const [again] = questions(cluster);
    if (again?.kind !== "inverse-offers" || again.offers[0] === undefined) throw new Error("not asked again");
    answer({ ...parts, offer: again.offers[0] }, 0);
    expect(kept()?.status).toBe("DECLINE");
    expect(questions(cluster)).toHaveLength(1);
  });

  it("are made to no more frameworks than are kept", () => {
    const { cluster, agentId } = running();
    schedule(cluster, window(7n, HOST));
    const asked = cluster.state.maintenance.inverse.get(agentId);
    for (let n = 0; n < INVERSE_OFFERS_KEPT_MAX; n++) {
      asked?.set(asId(`other-${n}`), { offerId: null, answer: null, askAgainAt: null });
    }
    expect(questions(cluster)).toEqual([]);
    asked?.delete(asId("other-0"));
    expect(questions(cluster)).toHaveLength(1);
  });

  it("are made again after REVIVE, whatever was refused", () => {
    const parts = asked();
    answer(parts, 3_600_000);
    parts.cluster.do({ kind: "revive", frameworkId: parts.id, roles: [] });
    expect(questions(parts.cluster)).toHaveLength(1);
  });

  it("are rescinded when the time changes, and answers about another time count no more", () => {
    const parts = asked();
    const { cluster, id, agentId } = parts;
    const effects = schedule(cluster, window(8n, HOST));
    expect(told(effects, id)).toEqual([{ kind: "rescind-inverse", offerId: parts.offer.offerId }]);
    answer(parts, 0);
    expect(cluster.state.maintenance.inverse.get(agentId)?.get(id)).toBeUndefined();
    expect(questions(cluster)).toHaveLength(1);
    schedule(cluster);
    expect([...cluster.state.maintenance.inverse]).toEqual([]);
  });

  it("are rescinded with an agent that goes, is deactivated or is away, and asked anew when it is back", () => {
    const { cluster, id, agentId, offer } = asked();
    const rescinded = { kind: "rescind-inverse", offerId: offer.offerId };
    expect(told(cluster.loseAgent(agentId), id)).toEqual([rescinded]);
    expect(questions(cluster)).toEqual([]);
    cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(questions(cluster)).toHaveLength(1);
    const deactivated = told(cluster.do({ kind: "deactivate-agent", agentId }), id);
    expect(deactivated.map(({ kind }) => kind)).toEqual(["rescind-inverse"]);
    expect(questions(cluster)).toEqual([]);
  });

  it("of a framework's former stream, or a former leader, are dropped and made anew", () => {
    const { cluster, id } = asked();
    cluster.subscribe({ failoverTimeoutMs: 1e9 }, id);
    expect(questions(cluster)).toHaveLength(1);
    cluster.do({ kind: "lead", memberId: asId("m2"), term: asId<never>("2") });
    expect(questions(cluster)).toEqual([]);
    cluster.subscribe({ failoverTimeoutMs: 1e9 }, id);
    const [agent] = cluster.state.agents.keys();
    cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agent);
    expect(questions(cluster)).toHaveLength(1);
  });
});

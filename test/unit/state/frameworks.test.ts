// Subscription, failover, disconnection, removal, suppression: SC01–SC04, SC09, SC27, traps 18 to 25.
import { describe, expect, it } from "vitest";
import { asId, type FrameworkId } from "../../../src/kernel/ids.ts";
import { COMPLETED_FRAMEWORKS_MAX } from "../../../src/state/limits.ts";
import { Cluster, frameworkSpec, sent, statusOf, taskSpec, told, toldStates } from "./cluster.ts";

function rejection(cluster: Cluster, frameworkId: FrameworkId | null, parts = {}, suppressed: string[] = []) {
  const { decision } = cluster.try({
    kind: "subscribe",
    frameworkId,
    spec: frameworkSpec(parts),
    suppressedRoles: suppressed.map((role) => asId(role)),
    streamId: cluster.newStream(),
  });
  return decision.kind === "rejected" ? decision.rejection : null;
}

describe("a framework that subscribes", () => {
  it("gets ids in Mesos' form, one after the other (SC01)", () => {
    const cluster = new Cluster();
    expect([cluster.subscribe(), cluster.subscribe()]).toEqual(["c-0000", "c-0001"]);
  });

  it("is accepted under an id that this cluster never saw (trap 22)", () => {
    const cluster = new Cluster();
    expect(cluster.subscribe({}, "unknown-fw")).toBe("unknown-fw");
    expect(cluster.subscribe()).toBe("c-0000");
  });

  it("takes over from its older stream, which ends with an ERROR (SC02)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const { effects } = cluster.try({
      kind: "subscribe",
      frameworkId: id,
      spec: frameworkSpec(),
      suppressedRoles: [],
      streamId: asId("newer"),
    });
    expect(effects.slice(0, 2)).toEqual([
      { to: "stream", streamId: "stream-1", error: "Framework failed over" },
      { to: "framework", frameworkId: id, event: { kind: "subscribed", streamId: "newer" } },
    ]);
    const late = cluster.do({ kind: "disconnect-framework", frameworkId: id, streamId: asId("stream-1") });
    expect(late).toEqual([]);
    expect(cluster.framework(id).connection.kind).toBe("connected");
  });

  it("loses the offers of its older stream without RESCIND and is offered the same anew (trap 20)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.agent();
    const first = cluster.offer();
    cluster.subscribe({}, id);
    expect(cluster.state.offers.size).toBe(0);
    expect(cluster.offer()).toMatchObject({ frameworkId: id, resources: first.resources });
  });

  it("is told again what it has not acknowledged, after SUBSCRIBED", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.agent();
    cluster.launch("t1");
    const { uuid } = cluster.status(id, "t1", "TASK_RUNNING");
    cluster.loseFramework(id);
    const { effects } = cluster.try({
      kind: "subscribe",
      frameworkId: id,
      spec: frameworkSpec(),
      suppressedRoles: [],
      streamId: cluster.newStream(),
    });
    const [subscribed, update] = told(effects, id);
    expect(subscribed).toMatchObject({ kind: "subscribed" });
    expect(update).toMatchObject({ kind: "update", taskId: "t1", status: { uuid, state: "TASK_RUNNING" } });
  });

  it("keeps user and checkpoint and is refused with another principal (trap 23)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe({ principal: "p" });
    const wire = { user: "other", name: "test" };
    cluster.subscribe({ principal: "p", user: "other", checkpoint: false, wire }, id);
    const { spec } = cluster.framework(id);
    expect(spec).toMatchObject({ user: "root", checkpoint: true, wire: { user: "root", checkpoint: true } });
    expect(rejection(cluster, id, { principal: "q" })).toEqual({
      code: "subscription-invalid",
      message: "Updating 'FrameworkInfo.principal' is unsupported; attempted to update from 'p' to 'q'",
    });
  });

  it("must not suppress a role that it has not (recorded)", () => {
    const message = "Suppressed roles { b } are not contained in the set of roles";
    expect(rejection(new Cluster(), null, {}, ["b"])).toEqual({ code: "subscription-invalid", message });
  });

  it("keeps its tasks' resources in a role that it drops, and its offers there are gone (trap 19)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe({ roles: [asId("a"), asId("b")] });
    cluster.agent();
    const { offer } = cluster.launch("t1");
    const other = offer.role === "a" ? "b" : "a";
    cluster.subscribe({ roles: [asId(other)] }, id);
    expect(cluster.task(id, "t1").holdsResources).toBe(true);
    expect(cluster.allocate().map(({ role }) => role)).toEqual([other]);
  });
});

describe("a framework that disconnects", () => {
  it("is removed at once without a failover timeout (trap 21)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe({ failoverTimeoutMs: 0 });
    cluster.loseFramework(id);
    expect([...cluster.state.completedFrameworks.keys()]).toEqual([id]);
  });

  it("is waited for as long as its failover timeout, and gets no offers (SC03, trap 20)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe({ failoverTimeoutMs: 5_000 });
    cluster.agent();
    cluster.offer();
    cluster.loseFramework(id);
    expect(cluster.allocate()).toEqual([]);
    cluster.wait(4_999);
    cluster.do({ kind: "expire" });
    expect(cluster.state.frameworks.has(id)).toBe(true);
    cluster.wait(1);
    cluster.do({ kind: "expire" });
    expect(cluster.state.frameworks.has(id)).toBe(false);
  });

  it("hears nothing of what happened meanwhile, for the master keeps no events (trap 4)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const agentId = cluster.agent();
    cluster.launch("t1");
    cluster.loseFramework(id);
    expect(told(cluster.update(id, "t1", statusOf("TASK_RUNNING", "01", cluster.now)))).toEqual([]);
    expect(told(cluster.do({ kind: "unregister-agent", agentId }))).toEqual([]);
  });

  it("may be absent for ever with an infinite failover timeout", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe({ failoverTimeoutMs: Number.MAX_SAFE_INTEGER });
    cluster.loseFramework(id);
    cluster.wait(1_000 * 365 * 24 * 3_600_000);
    cluster.do({ kind: "expire" });
    expect(cluster.state.frameworks.has(id)).toBe(true);
  });

  it("has its calls refused: 403 while it is away, 400 once it is gone (reference, section h)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.loseFramework(id);
    const revive = () => cluster.try({ kind: "revive", frameworkId: id, roles: [] }).decision;
    expect(revive()).toMatchObject({ rejection: { code: "framework-not-connected" } });
    cluster.do({ kind: "teardown", frameworkId: id });
    expect(revive()).toMatchObject({
      rejection: { code: "framework-unknown", message: "Framework cannot be found" },
    });
  });
});

describe("a framework that is removed", () => {
  it("ends its stream without an event and shuts down on its agents; tasks end untold (SC09, trap 24)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const agentId = cluster.agent();
    cluster.launch("t1");
    cluster.status(id, "t1", "TASK_RUNNING");
    const effects = cluster.do({ kind: "teardown", frameworkId: id });
    expect(effects[0]).toEqual({ to: "stream", streamId: "stream-1", error: null });
    expect(told(effects)).toEqual([]);
    expect(sent(effects)).toEqual([{ kind: "shutdown-framework", frameworkId: id }]);
    const [task] = cluster.state.completedFrameworks.get(id)?.completedTasks ?? [];
    expect(task).toMatchObject({ state: "TASK_KILLED", agentId });
    expect(task?.statuses.at(-1)?.wire).toMatchObject({ reason: "REASON_FRAMEWORK_REMOVED" });
  });

  it("has its resources free at once", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.agent();
    const { offer } = cluster.launch("t1");
    cluster.do({ kind: "teardown", frameworkId: id });
    cluster.subscribe();
    expect(cluster.offer().resources).toEqual(offer.resources);
  });

  it("is refused while it is remembered, and accepted again when it is not (trap 22)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    cluster.do({ kind: "teardown", frameworkId: id });
    expect(rejection(cluster, id)).toEqual({
      code: "framework-removed",
      message: "Framework has been removed",
    });
    for (let i = 0; i < COMPLETED_FRAMEWORKS_MAX; i++) {
      cluster.do({ kind: "teardown", frameworkId: cluster.subscribe() });
    }
    expect(cluster.state.completedFrameworks.size).toBe(COMPLETED_FRAMEWORKS_MAX);
    expect(cluster.subscribe({}, id)).toBe(id);
  });

  it("shuts down on an agent that was away when it registers again (trap 24)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const agentId = cluster.agent();
    cluster.launch("t1");
    cluster.loseAgent(agentId);
    expect(sent(cluster.do({ kind: "teardown", frameworkId: id }))).toEqual([]);
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(sent(effects)).toEqual([{ kind: "shutdown-framework", frameworkId: id }]);
  });
});

describe("SUPPRESS and REVIVE", () => {
  function twoRoles() {
    const cluster = new Cluster();
    const id = cluster.subscribe({ roles: [asId("a"), asId("b")] });
    cluster.agent();
    return { cluster, id };
  }

  it("stop and start the offers of a role; without roles, of all (SC27)", () => {
    const { cluster, id } = twoRoles();
    cluster.do({ kind: "suppress", frameworkId: id, roles: [asId("a")] });
    expect(cluster.allocate().map(({ role }) => role)).toEqual(["b"]);
    cluster.decline(id, [...cluster.state.offers.keys()], 0);
    cluster.do({ kind: "suppress", frameworkId: id, roles: [] });
    expect(cluster.allocate()).toEqual([]);
    cluster.do({ kind: "revive", frameworkId: id, roles: [] });
    expect(cluster.framework(id).suppressedRoles).toEqual([]);
    expect(cluster.allocate()).toHaveLength(1);
  });

  it("drop the whole call for one role that is not the framework's (trap 18)", () => {
    const { cluster, id } = twoRoles();
    const roles = [asId<never>("a"), asId<never>("nobody's")];
    expect(cluster.try({ kind: "suppress", frameworkId: id, roles }).events).toEqual([]);
    expect(cluster.try({ kind: "revive", frameworkId: id, roles }).events).toEqual([]);
  });

  it("SUPPRESS does not rescind; REVIVE clears the filters (trap 18)", () => {
    const { cluster, id } = twoRoles();
    const offer = cluster.offer();
    expect(cluster.do({ kind: "suppress", frameworkId: id, roles: [] })).toEqual([]);
    expect(cluster.state.offers.has(offer.id)).toBe(true);
    cluster.do({ kind: "revive", frameworkId: id, roles: [] });
    cluster.do({ kind: "suppress", frameworkId: id, roles: [asId(offer.role === "a" ? "b" : "a")] });
    cluster.decline(id, [offer.id], 3_600_000);
    expect(cluster.allocate()).toEqual([]);
    cluster.do({ kind: "revive", frameworkId: id, roles: [offer.role] });
    expect(cluster.allocate()).toHaveLength(1);
  });
});

describe("a new leader", () => {
  it("knows frameworks, tasks, filters and suppression; only connections and offers are gone (trap 32)", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe({ failoverTimeoutMs: 0, roles: [asId("a"), asId("b")] });
    const agentId = cluster.agent();
    cluster.launch("t1");
    cluster.do({ kind: "suppress", frameworkId: id, roles: [asId("a")] });
    cluster.decline(id, [cluster.offer().id], 3_600_000);
    cluster.do({ kind: "lead", memberId: asId("m2"), term: 2 as never });
    expect(cluster.framework(id)).toMatchObject({
      connection: { kind: "disconnected", deadline: cluster.now + 60_000 },
      suppressedRoles: ["a"],
    });
    expect(cluster.state.agents.get(agentId)?.connection).toMatchObject({ deadline: cluster.now + 75_000 });
    expect(cluster.task(id, "t1").holdsResources).toBe(true);
    expect(cluster.state.offers.size).toBe(0);
    cluster.subscribe({ roles: [asId("b")] }, id);
    cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(cluster.allocate()).toEqual([]);
  });

  it("waits at least the reconnect time, longer if the failover timeout is longer", () => {
    const cluster = new Cluster();
    const short = cluster.subscribe({ failoverTimeoutMs: 0 });
    const long = cluster.subscribe({ failoverTimeoutMs: 600_000 });
    cluster.do({ kind: "lead", memberId: asId("m2"), term: 2 as never });
    cluster.wait(60_000);
    cluster.do({ kind: "expire" });
    expect([...cluster.state.frameworks.keys()]).toEqual([long]);
    expect([...cluster.state.completedFrameworks.keys()]).toEqual([short]);
  });

  it("tells an agent that comes back nothing that it has heard already", () => {
    const cluster = new Cluster();
    const id = cluster.subscribe();
    const agentId = cluster.agent();
    cluster.launch("t1");
    cluster.status(id, "t1", "TASK_RUNNING");
    cluster.do({ kind: "lead", memberId: asId("m2"), term: 2 as never });
    const { effects } = cluster.register(undefined, [[id, "t1", "TASK_RUNNING"]], agentId);
    expect(sent(effects)).toEqual([]);
    expect(toldStates(effects)).toEqual([]);
    const tasks = [taskSpec("t2", agentId)];
    cluster.subscribe({}, id);
    expect(sent(cluster.accept([cluster.offer()], tasks))).toMatchObject([{ kind: "run" }]);
  });
});

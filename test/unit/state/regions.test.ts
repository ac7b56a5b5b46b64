// Regions (AL18) and domains (RV14): which agents a leader admits, which of them are remote, and what follows from it.
import { describe, expect, it } from "vitest";
import { asId, asMillis, asTerm } from "../../../src/kernel/ids.ts";
import type { Settings } from "../../../src/state/commands.ts";
import type { FrameworkCapability } from "../../../src/state/model.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/state/snapshot.ts";
import { why } from "../../../src/state/why.ts";
import { agentSpec, Cluster, factsIn } from "./cluster.ts";

const EU = { region: "eu", zone: "eu-1" };
const US = { region: "us", zone: "us-1" };

function led(over: Partial<Settings>): Cluster {
  const cluster = new Cluster();
  lead(cluster, over);
  return cluster;
}

function lead(cluster: Cluster, over: Partial<Settings>): void {
  cluster.do({ kind: "lead", memberId: asId("m2"), term: asTerm(2) }, over);
}

function subscribe(cluster: Cluster, ...more: FrameworkCapability[]) {
  return cluster.subscribe({ capabilities: ["MULTI_ROLE", ...more], failoverTimeoutMs: 1e9 });
}

function attempt(cluster: Cluster, region: string | null, over: Partial<Settings> = {}) {
  const facts = region === null ? {} : { facts: factsIn(region) };
  const command = {
    kind: "register-agent",
    agentId: null,
    spec: { ...agentSpec(), ...facts },
    connectionId: "x",
    tasks: [],
    executors: [],
  } as const;
  const { decision } = cluster.try(command, over);
  return decision.kind === "rejected" ? decision.rejection : null;
}

describe("an agent with a domain", () => {
  it("is not admitted by a leader without one, and may try again", () => {
    const rejection = attempt(new Cluster(), "eu");
    expect(rejection?.code).toBe("agent-not-admitted");
    expect(rejection?.message).toContain("the leading master has none");
    expect(attempt(led({ domain: US }), "eu")).toBeNull();
  });

  it("in another region than the leader is offered to frameworks that are region-aware, and to no others", () => {
    const cluster = led({ domain: EU });
    const far = cluster.register(undefined, [], null, [], "us").agentId;
    const near = cluster.register(undefined, [], null, [], "eu").agentId;
    const unaware = subscribe(cluster);
    expect(cluster.allocate().map(({ agentId, frameworkId }) => [agentId, frameworkId])).toEqual([
      [near, unaware],
    ]);
    const aware = subscribe(cluster, "REGION_AWARE");
    expect(cluster.allocate().map(({ agentId, frameworkId }) => [agentId, frameworkId])).toEqual([
      [far, aware],
    ]);
  });

  it("says why it is not offered", () => {
    const cluster = led({ domain: EU });
    cluster.register(undefined, [], null, [], "us");
    const id = subscribe(cluster);
    const report = why(cluster.state, asMillis(cluster.now), { frameworkId: id });
    expect(report?.agents[0]?.verdict).toMatchObject({
      kind: "closed",
      own: [{ role: "dev", reason: { kind: "remote-region", region: "us" } }],
    });
  });

  it("comes back in another region: its offers are rescinded, and it is local or remote by the new one", () => {
    const cluster = led({ domain: EU });
    const { agentId } = cluster.register(undefined, [], null, [], "eu");
    const id = subscribe(cluster);
    expect(cluster.allocate()).toHaveLength(1);
    cluster.register(undefined, [], agentId, [], "us");
    expect(cluster.framework(id).offers.size).toBe(0);
    expect(cluster.allocate()).toEqual([]);
    cluster.register(undefined, [], agentId, [], "eu");
    expect(cluster.allocate()).toHaveLength(1);
  });
});

describe("an agent without a domain", () => {
  it("is local, whether the leader has one or not", () => {
    for (const cluster of [new Cluster(), led({ domain: EU })]) {
      cluster.agent();
      subscribe(cluster);
      expect(cluster.allocate()).toHaveLength(1);
    }
  });

  it("is not admitted where the masters require one", () => {
    const over = { requireAgentDomain: true };
    expect(attempt(led({ domain: EU }), null, over)?.code).toBe("agent-not-admitted");
    expect(attempt(led({ domain: EU }), "eu", over)).toBeNull();
  });
});

describe("a new leader", () => {
  it("of another region makes other agents remote, a restored state the same ones", () => {
    const cluster = led({ domain: EU });
    const agentId = cluster.register(undefined, [], null, [], "eu").agentId;
    lead(cluster, { domain: US });
    expect(cluster.state.allocator.agents.get(agentId)?.remote).toBe(true);
    const restored = decodeSnapshot(encodeSnapshot(cluster.state));
    expect(restored.ok && restored.value.allocator.agents.get(agentId)?.remote).toBe(true);
    expect(restored.ok && restored.value.leader?.domain).toEqual(US);
  });

  it("without a domain takes every agent for local until it registers, and refuses it then", () => {
    const cluster = led({ domain: EU });
    const agentId = cluster.register(undefined, [], null, [], "us").agentId;
    lead(cluster, {});
    expect(cluster.state.allocator.agents.get(agentId)?.remote).toBe(false);
    expect(cluster.state.agents.get(agentId)?.connection.kind).toBe("disconnected");
    expect(() => cluster.register(undefined, [], agentId, [], "us")).toThrow("the leading master has none");
  });
});

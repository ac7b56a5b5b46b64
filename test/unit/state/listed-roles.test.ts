// The operator's list of roles (AL20): frameworks may be in no other, and nothing is set for any other.
import { describe, expect, it } from "vitest";
import { rolesOf } from "../../../src/api/operator/roles.ts";
import { asId, type RoleName } from "../../../src/kernel/ids.ts";
import type { Command } from "../../../src/state/commands.ts";
import { Cluster, frameworkSpec } from "./cluster.ts";

/** Of a command that changes nothing; null if it was accepted. */
function refusal(cluster: Cluster, command: Command): string | null {
  const events = cluster.state.eventCount;
  const { decision } = cluster.try(command);
  if (decision.kind !== "rejected") return null;
  expect(cluster.state.eventCount).toBe(events);
  return `${decision.rejection.code}: ${decision.rejection.message}`;
}

function subscribe(cluster: Cluster, roles: readonly string[]): Command {
  const spec = frameworkSpec({ roles: roles.map((role) => asId<RoleName>(role)) });
  return { kind: "subscribe", frameworkId: null, spec, suppressedRoles: [], streamId: cluster.newStream() };
}

function listing(...roles: readonly string[]): Cluster {
  const cluster = new Cluster();
  cluster.setPolicy({ listedRoles: new Set(roles) });
  return cluster;
}

const NO_QUOTA = { guarantees: [], limits: [] };

describe("a list of roles", () => {
  it("lets frameworks into its roles and *, not into others, nor into those above or below", () => {
    const cluster = listing("dev", "eng/ads");
    for (const roles of [["dev"], ["*"], ["eng/ads", "dev"]]) {
      expect(refusal(cluster, subscribe(cluster, roles))).toBeNull();
    }
    for (const role of ["ops", "eng", "dev/web"]) {
      expect(refusal(cluster, subscribe(cluster, ["dev", role]))).toBe(
        `subscription-invalid: Roles { ${role} } are not in the masters' --roles`,
      );
    }
  });

  it("keeps a framework from changing into another, and from coming back in one that was struck off", () => {
    const cluster = listing("dev", "web");
    const frameworkId = cluster.subscribe({ roles: [asId("dev")] });
    const spec = frameworkSpec({ roles: [asId("ops")] });
    expect(refusal(cluster, { kind: "update-framework", frameworkId, spec, suppressedRoles: [] })).toContain(
      "Roles { ops } are not in the masters' --roles",
    );
    cluster.setPolicy({ listedRoles: new Set(["web"]) });
    expect(cluster.framework(frameworkId).spec.roles).toEqual(["dev"]);
    const again = { ...subscribe(cluster, ["dev"]), frameworkId } as Command;
    expect(refusal(cluster, again)).toContain("Roles { dev }");
  });

  it("keeps weights and quotas from others", () => {
    const cluster = listing("dev");
    const weights = (role: string): Command => ({
      kind: "update-weights",
      weights: [{ role: asId(role), weightMillis: 2_000 }],
    });
    const quotas = (role: string): Command => ({
      kind: "update-quotas",
      quotas: [{ role: asId(role), quota: NO_QUOTA }],
      force: true,
    });
    const legacy = (role: string): Command => ({
      kind: "set-quota",
      role: asId(role),
      guarantees: [],
      force: true,
    });
    expect(refusal(cluster, weights("ops"))).toBe("weights-refused: Unknown role 'ops'");
    for (const command of [quotas, legacy]) {
      expect(refusal(cluster, command("ops"))).toBe("quota-refused: Unknown role 'ops'");
    }
    for (const command of [weights, quotas]) expect(refusal(cluster, command("dev"))).toBeNull();
  });

  it("is part of the roles that there are (MO09); without one every role may be", () => {
    expect(rolesOf(listing("dev", "eng/ads").state).map(({ name }) => name)).toEqual([
      "dev",
      "eng",
      "eng/ads",
    ]);
    const cluster = new Cluster();
    expect(refusal(cluster, subscribe(cluster, ["anything"]))).toBeNull();
  });
});

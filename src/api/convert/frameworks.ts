// FrameworkInfo: what a subscription may say, and what the state keeps of it.
import type { FrameworkInfo } from "../../contract/types.ts";
import { asId, type RoleName } from "../../kernel/ids.ts";
import type { FrameworkCapability, FrameworkSpec } from "../../state/model.ts";
import { problemOfId, problemOfRole } from "./ids.ts";
import { minimumsOf, problemOfOfferFilters } from "./minimums.ts";
import { failoverMsOf } from "./times.ts";

const CAPABILITIES: ReadonlySet<string> = new Set([
  "REVOCABLE_RESOURCES",
  "TASK_KILLING_STATE",
  "GPU_RESOURCES",
  "SHARED_RESOURCES",
  "PARTITION_AWARE",
  "MULTI_ROLE",
  "RESERVATION_REFINEMENT",
  "REGION_AWARE",
] satisfies FrameworkCapability[]);

export function frameworkSpec(info: FrameworkInfo): FrameworkSpec {
  const { id: _id, ...wire } = info;
  const roles = isMultiRole(info) ? (info.roles ?? []) : [info.role ?? "*"];
  return {
    name: info.name,
    user: info.user,
    failoverTimeoutMs: failoverMsOf(info.failover_timeout),
    checkpoint: info.checkpoint ?? false,
    principal: info.principal ?? null,
    roles: roles.map((role) => asId<RoleName>(role)),
    capabilities: capabilitiesOf(info),
    ...minimumsOf(info),
    wire,
  };
}

/** What Mesos would say against the FrameworkInfo, null if nothing. */
export function problemOfFramework(info: FrameworkInfo): string | null {
  return problemOfRoles(info) ?? problemOfFrameworkId(info) ?? problemOfOfferFilters(info);
}

export function problemOfSuppressed(suppressed: readonly string[], info: FrameworkInfo): string | null {
  const roles = new Set<string>(frameworkSpec(info).roles);
  const foreign = suppressed.filter((role) => !roles.has(role));
  if (foreign.length === 0) return null;
  return `Suppressed roles ${braced(foreign)} are not contained in the set of roles`;
}

export function isMultiRole(info: FrameworkInfo): boolean {
  return (info.capabilities ?? []).some(({ type }) => type === "MULTI_ROLE");
}

function capabilitiesOf(info: FrameworkInfo): readonly FrameworkCapability[] {
  const named = (info.capabilities ?? []).map(({ type }) => type).filter(isCapability);
  return [...new Set(named)];
}

function isCapability(type: string | undefined): type is FrameworkCapability {
  return type !== undefined && CAPABILITIES.has(type);
}

function problemOfRoles(info: FrameworkInfo): string | null {
  return isMultiRole(info) ? problemOfManyRoles(info) : problemOfOneRole(info);
}

function problemOfManyRoles(info: FrameworkInfo): string | null {
  if (info.role !== undefined) {
    return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
  }
  const roles = info.roles ?? [];
  const repeated = roles.filter((role, index) => roles.indexOf(role) !== index);
  if (repeated.length > 0) return `'FrameworkInfo.roles' contains duplicate items: ${braced(repeated)}`;
  for (const role of roles) {
    const problem = problemOfRole(role);
    if (problem !== null) return `'FrameworkInfo.roles' contains invalid role: ${problem}`;
  }
  return null;
}

function problemOfOneRole(info: FrameworkInfo): string | null {
  if ((info.roles ?? []).length > 0) {
    return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
  }
  const problem = problemOfRole(info.role ?? "*");
  return problem === null ? null : `'FrameworkInfo.role' is not a valid role: ${problem}`;
}

function problemOfFrameworkId({ id }: FrameworkInfo): string | null {
  const problem = id === undefined || id.value === "" ? null : problemOfId(id.value);
  return problem === null ? null : `'FrameworkInfo.id' is not a valid id: ${problem}`;
}

function braced(items: readonly string[]): string {
  return `{ ${[...new Set(items)].join(", ")} }`;
}

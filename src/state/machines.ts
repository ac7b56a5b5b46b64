// Machines, as operators name them in maintenance schedules, and the agents that run on them.
import type { Agent, AgentSpec, ClusterState, Machine, MachineId } from "./model.ts";

/** Equal for the same machine: the case of its name does not matter, and what is left out is the empty text. */
export function machineKey({ hostname = "", ip = "" }: MachineId): string {
  return `${hostname.toLowerCase()} ${ip}`;
}

const DOTTED = /^\d{1,3}(\.\d{1,3}){3}$/;

/** The machine that an agent says it runs on. */
export function machineOf({ hostname, ip }: AgentSpec): MachineId {
  const address = ip ?? (DOTTED.test(hostname) ? hostname : undefined);
  return { hostname, ...(address === undefined ? {} : { ip: address }) };
}

/** What is planned for the machine of the agent; undefined if it is up. */
export function plannedFor({ maintenance }: ClusterState, spec: AgentSpec): Machine | undefined {
  const { machines } = maintenance;
  return machines.size === 0 ? undefined : machines.get(machineKey(machineOf(spec)));
}

export function isDown(state: ClusterState, spec: AgentSpec): boolean {
  return plannedFor(state, spec)?.mode === "down";
}

/** Agents on any of the machines, in the order of their registration; unreachable ones only if `all`. */
export function agentsOn(
  state: ClusterState,
  machines: ReadonlySet<string>,
  which: "all" | "registered",
): readonly Agent[] {
  return [...state.agents.values()].filter(
    ({ spec, connection }) =>
      (which === "all" || connection.kind !== "unreachable") && machines.has(machineKey(machineOf(spec))),
  );
}

/** As JSON writes it: `{"hostname":"a","ip":"10.0.0.1"}`. */
export function machineJson({ hostname, ip }: MachineId): string {
  return JSON.stringify({
    ...(hostname === undefined ? {} : { hostname }),
    ...(ip === undefined ? {} : { ip }),
  });
}

/** As Mesos writes it in a sentence: `a (10.0.0.1)`. */
export function machineText({ hostname, ip }: MachineId): string {
  if (hostname === undefined) return `(${ip ?? ""})`;
  return ip === undefined ? hostname : `${hostname} (${ip})`;
}

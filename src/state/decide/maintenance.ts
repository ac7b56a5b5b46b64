// Maintenance of machines (MO15, MN07): up, in the schedule ("draining", which is only a word to frameworks), down.
import type { Context, StartMaintenance } from "../commands.ts";
import type { Event } from "../events.ts";
import { MACHINES_MAX, RESCINDED_OFFERS_MAX, TASKS_AT_ONCE_MAX } from "../limits.ts";
import { agentsOn, machineJson, machineKey } from "../machines.ts";
import type { ClusterState, MachineId, MaintenanceWindow, Unavailability } from "../model.ts";
import { absence, endOf, type Farewell, rescission } from "./agent-end.ts";
import { accepted, type Decision, partly, rejected } from "./decision.ts";
import { connectionOf } from "./duty.ts";

const DOWN: Farewell = { cause: "maintenance", message: "Operator initiated 'Machine DOWN'" };

/** What is offered of agents whose unavailability changes is rescinded, so that it is offered anew with what is true. */
export function decideSchedule(state: ClusterState, windows: readonly MaintenanceWindow[]): Decision {
  const planned = new Map<string, Unavailability>();
  for (const { machines, unavailability } of windows) {
    for (const id of machines) planned.set(machineKey(id), unavailability);
  }
  if (planned.size > MACHINES_MAX) {
    return rejected("maintenance-refused", `More than ${MACHINES_MAX} machines in the schedule`);
  }
  for (const [key, { id, mode }] of state.maintenance.machines) {
    if (mode === "draining" || planned.has(key)) continue;
    const text = `Machine '${machineJson(id)}' is deactivated and cannot be removed from the schedule`;
    return rejected("maintenance-refused", text);
  }
  const events: Event[] = [];
  for (const agent of agentsOn(state, changed(state, planned), "registered")) {
    if (events.length >= RESCINDED_OFFERS_MAX) break;
    events.push(...rescission(state, agent, "maintenance-scheduled"));
  }
  return accepted([...events, { kind: "MaintenanceScheduled", windows }]);
}

/** Machines that come, go, or are unavailable at another time. */
function changed(state: ClusterState, planned: ReadonlyMap<string, Unavailability>): ReadonlySet<string> {
  const { machines } = state.maintenance;
  return new Set(
    [...machines.keys(), ...planned.keys()].filter((key) => {
      const [before, now] = [machines.get(key)?.unavailability, planned.get(key)];
      return before?.start !== now?.start || before?.duration !== now?.duration;
    }),
  );
}

/**
 * Agents on the machines are removed, one after the other, but for those that are unreachable: these find the machine
 * down when they come back. Where that takes several entries the last of them takes the machines down: if leadership is
 * lost before, the operator may say it again, and what is left is ended then.
 */
export function decideStartMaintenance(
  state: ClusterState,
  command: StartMaintenance,
  context: Context,
): Decision {
  const { machines, begun } = command;
  if (begun === undefined) {
    const fault = faultOf(state, machines, "draining", "is not in DRAINING mode and cannot be brought down");
    if (fault !== null) return rejected("maintenance-refused", fault);
  }
  const events: Event[] = [];
  const keys = new Set(machines.map(machineKey));
  let halfDone = begun?.connectionId ?? null;
  for (const agent of agentsOn(state, keys, "registered")) {
    const room = TASKS_AT_ONCE_MAX - events.length;
    if (room <= 0) return partly(events, { ...command, begun: { connectionId: halfDone } });
    const connectionId = halfDone ?? connectionOf(agent);
    halfDone = null;
    const end = endOf(state, agent, DOWN, connectionId, room, context.now);
    if (!end.isWhole) {
      const away = absence(state, agent, connectionId ?? "", "agent-removed", context);
      return partly([...events, ...away, ...end.events], { ...command, begun: { connectionId } });
    }
    events.push(...end.events);
  }
  return accepted([...events, { kind: "MaintenanceStarted", machines }]);
}

export function decideStopMaintenance(state: ClusterState, machines: readonly MachineId[]): Decision {
  const fault = faultOf(state, machines, "down", "is not in DOWN mode and cannot be brought up");
  if (fault !== null) return rejected("maintenance-refused", fault);
  return accepted([{ kind: "MaintenanceStopped", machines }]);
}

function faultOf(
  { maintenance }: ClusterState,
  machines: readonly MachineId[],
  mode: "draining" | "down",
  otherwise: string,
): string | null {
  for (const id of machines) {
    const known = maintenance.machines.get(machineKey(id));
    const about = `Machine '${machineJson(id)}'`;
    if (known === undefined) return `${about} is not part of a maintenance schedule`;
    if (known.mode !== mode) return `${about} ${otherwise}`;
  }
  return null;
}

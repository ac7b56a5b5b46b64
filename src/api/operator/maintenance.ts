// The maintenance calls of operators (MO15), in the words of Mesos; the legacy endpoints say the same.
import type {
  InverseOfferStatus,
  MachineID,
  MaintenanceClusterStatus,
  MaintenanceClusterStatusDrainingMachine,
  MaintenanceSchedule,
  MasterCall,
} from "../../contract/types.ts";
import type { Command } from "../../state/commands.ts";
import { machineJson, machineKey, machineOf } from "../../state/machines.ts";
import type { ClusterState, MachineId } from "../../state/model.ts";
import { pairsOf } from "../../state/pairs.ts";
import { type ApiContext, replyToOutcome } from "../context.ts";
import { ipv4Of } from "../convert/addresses.ts";
import { machineFromWire, windowsFromWire } from "../convert/maintenance.ts";
import { timeInfo } from "../convert/times.ts";
import { badRequest, empty, type Reply } from "../http/reply.ts";

/** With what frameworks have answered about the agents of machines that are to be down. */
export function maintenanceStatus({ maintenance, agents }: ClusterState): MaintenanceClusterStatus {
  const answers = new Map<string, InverseOfferStatus[]>();
  for (const [agentId, frameworkId, { answer }] of pairsOf(maintenance.inverse)) {
    const spec = agents.get(agentId)?.spec;
    if (answer === null || spec === undefined) continue;
    const key = machineKey(machineOf(spec));
    const { status, at } = answer;
    const told = { status, framework_id: { value: frameworkId }, timestamp: timeInfo(at) };
    answers.set(key, [...(answers.get(key) ?? []), told]);
  }
  const machines = [...maintenance.machines.values()];
  const draining = machines.filter(({ mode }) => mode === "draining");
  const down = machines.filter(({ mode }) => mode === "down");
  return {
    ...(draining.length === 0
      ? {}
      : { draining_machines: draining.map(({ id }) => withAnswers(id, answers)) }),
    ...(down.length === 0 ? {} : { down_machines: down.map(({ id }) => id) }),
  };
}

function withAnswers(
  id: MachineId,
  answers: ReadonlyMap<string, readonly InverseOfferStatus[]>,
): MaintenanceClusterStatusDrainingMachine {
  const statuses = answers.get(machineKey(id));
  return statuses === undefined ? { id } : { id, statuses };
}

/** Null for any other call. @param target path and query, for redirects */
export function maintenanceOrder(
  context: ApiContext,
  call: MasterCall,
  target: string,
): Promise<Reply> | null {
  switch (call.type) {
    case "UPDATE_MAINTENANCE_SCHEDULE":
      return updateSchedule(context, call.update_maintenance_schedule?.schedule ?? {}, target);
    case "START_MAINTENANCE":
      return moveMachines(context, "start-maintenance", call.start_maintenance?.machines ?? [], target);
    case "STOP_MAINTENANCE":
      return moveMachines(context, "stop-maintenance", call.stop_maintenance?.machines ?? [], target);
    default:
      return null;
  }
}

export async function updateSchedule(
  context: ApiContext,
  schedule: MaintenanceSchedule,
  target: string,
): Promise<Reply> {
  const problem = problemOfSchedule(schedule);
  if (problem !== null) return badRequest(problem);
  return submit(context, { kind: "update-maintenance-schedule", windows: windowsFromWire(schedule) }, target);
}

export async function moveMachines(
  context: ApiContext,
  kind: "start-maintenance" | "stop-maintenance",
  ids: readonly MachineID[],
  target: string,
): Promise<Reply> {
  const machines = ids.map(machineFromWire);
  const problem = machines.length === 0 ? "List of machines is empty" : problemOfMachines(machines);
  if (problem !== null) return badRequest(problem);
  return submit(context, { kind, machines }, target);
}

async function submit(context: ApiContext, command: Command, target: string): Promise<Reply> {
  return replyToOutcome(context, await context.master.submit(command), empty(200), target);
}

function problemOfSchedule({ windows = [] }: MaintenanceSchedule): string | null {
  for (const { machine_ids = [], unavailability } of windows) {
    if (machine_ids.length === 0) return "List of machines in the maintenance window is empty";
    const { duration } = unavailability;
    if (duration !== undefined && duration.nanoseconds < 0n) return "Unavailability 'duration' is negative";
  }
  return problemOfMachines(windows.flatMap(({ machine_ids = [] }) => machine_ids.map(machineFromWire)));
}

function problemOfMachines(machines: readonly MachineId[]): string | null {
  const seen = new Set<string>();
  for (const id of machines) {
    const { hostname = "", ip = "" } = id;
    if (hostname === "" && ip === "") return "Both 'hostname' and 'ip' for a machine are empty";
    if (ip !== "" && ipv4Of(ip) === null) return `Failed to parse IPv4: ${ip}`;
    const key = machineKey(id);
    if (seen.has(key)) return `Machine '${machineJson(id)}' appears more than once in the schedule`;
    seen.add(key);
  }
  return null;
}

// Machines and their unavailability on the wire.
import type {
  MachineID,
  MaintenanceSchedule,
  Unavailability as WireUnavailability,
} from "../../contract/types.ts";
import type { MachineId, MaintenanceWindow, Unavailability } from "../../state/model.ts";

export function unavailabilityToWire({ start, duration }: Unavailability): WireUnavailability {
  return {
    start: { nanoseconds: start },
    ...(duration === null ? {} : { duration: { nanoseconds: duration } }),
  };
}

export function machineFromWire({ hostname, ip }: MachineID): MachineId {
  return { ...(hostname === undefined ? {} : { hostname }), ...(ip === undefined ? {} : { ip }) };
}

export function windowsFromWire({ windows = [] }: MaintenanceSchedule): readonly MaintenanceWindow[] {
  return windows.map(({ machine_ids = [], unavailability: { start, duration } }) => ({
    machines: machine_ids.map(machineFromWire),
    unavailability: { start: start.nanoseconds, duration: duration?.nanoseconds ?? null },
  }));
}

export function scheduleToWire(windows: readonly MaintenanceWindow[]): MaintenanceSchedule {
  if (windows.length === 0) return {};
  return {
    windows: windows.map(({ machines, unavailability }) => ({
      machine_ids: machines,
      unavailability: unavailabilityToWire(unavailability),
    })),
  };
}

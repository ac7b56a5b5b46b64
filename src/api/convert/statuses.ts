// A TaskStatus of the state in Mesos' shape: agents' are encoded until somebody wants their fields.
import { decodeStatus } from "../../contract/encoded-status.ts";
import type { TaskStatus as WireStatus } from "../../contract/types.ts";
import { assert } from "../../kernel/assert.ts";
import type { TaskStatus } from "../../state/model.ts";

export function statusToWire({ wire, data }: TaskStatus): WireStatus {
  const bytes = typeof wire === "string" ? Buffer.from(wire, "latin1") : wire;
  if (!(bytes instanceof Uint8Array)) return bytes as unknown as WireStatus;
  const decoded = decodeStatus({ bytes, data: data ?? null });
  assert(decoded.ok, "a status that was checked when it came can be read", { bytes: bytes.length });
  return decoded.value;
}

/** @param before the status from which the newer one takes over what a master does not know */
export function statusAfter(status: TaskStatus, before: TaskStatus | undefined): WireStatus {
  const wire = statusToWire(status);
  if (before === undefined) return wire;
  const { healthy, check_status, container_status } = statusToWire(before);
  return {
    ...wire,
    ...(healthy === undefined ? {} : { healthy }),
    ...(check_status === undefined ? {} : { check_status }),
    ...(container_status === undefined ? {} : { container_status }),
  };
}

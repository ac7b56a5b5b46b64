// A TaskStatus of the state in Mesos' shape: agents' are bytes until somebody wants their fields.
import { decodeStatus } from "../../contract/encoded-status.ts";
import type { TaskStatus as WireStatus } from "../../contract/types.ts";
import { assert } from "../../kernel/assert.ts";
import type { TaskStatus } from "../../state/model.ts";

export function statusToWire({ wire, data }: TaskStatus): WireStatus {
  if (!(wire instanceof Uint8Array)) return wire as unknown as WireStatus;
  const decoded = decodeStatus({ bytes: wire, data: data ?? null });
  assert(decoded.ok, "a status that was checked when it came can be read", { bytes: wire.length });
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

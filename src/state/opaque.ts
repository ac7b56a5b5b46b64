// The little that the state does with messages it does not interpret: filling in, and telling whether two are equal.
import type { FrameworkId, RoleName } from "../kernel/ids.ts";
import type { Opaque } from "./model.ts";

/** The message with allocation_info.role in each of its resources that has none (trap 25). */
export function withAllocation(wire: Opaque, role: RoleName): Opaque {
  const resources = wire.resources;
  if (!Array.isArray(resources)) return wire;
  return { ...wire, resources: resources.map((resource: unknown) => allocated(resource, role)) };
}

/** A TaskInfo as the agent gets it: allocation_info in every resource, framework_id in the executor. */
export function filledTask(wire: Opaque, executor: Opaque | null, role: RoleName): Opaque {
  const task = withAllocation(wire, role);
  return executor === null ? task : { ...task, executor };
}

export function filledExecutor(wire: Opaque, frameworkId: FrameworkId, role: RoleName): Opaque {
  return { ...withAllocation(wire, role), framework_id: { value: frameworkId } };
}

function allocated(resource: unknown, role: RoleName): unknown {
  if (!isObject(resource) || resource.allocation_info !== undefined) return resource;
  return { ...resource, allocation_info: { role } };
}

/** Whether two messages say the same; the order of fields does not count, a field that is undefined is none. */
export function sameOpaque(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint8Array || b instanceof Uint8Array) return sameBytes(a, b);
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item: unknown, index) => sameOpaque(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => sameOpaque(a[name], b[name]));
}

function sameBytes(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array) || a.length !== b.length) return false;
  return a.every((byte, index) => byte === b[index]);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

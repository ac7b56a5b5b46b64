// Messages in their encoded form, as the cluster carries them: made once where they come in, read where somebody looks.
import { assert } from "../kernel/assert.ts";
import type { EncodedMessage } from "../kernel/encoded.ts";
import { ok, type Result } from "../kernel/result.ts";
import { decodeProtobuf, encodeProtobuf } from "./codec.ts";
import { messageTypes } from "./message-types.ts";
import type { Resource, TaskInfo } from "./types.ts";

export function encodedTaskInfo(info: TaskInfo): EncodedMessage {
  const bytes = encodeProtobuf(messageTypes.TaskInfo, info);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1") as EncodedMessage;
}

/**
 * The TaskInfo that the cluster carries, with the role of its offers in each resource that names none (trap 25). It is
 * encoded, or (from older logs, or with an executor) a message that has been filled in already.
 */
export function taskInfoOf(wire: EncodedMessage | object, role: string): TaskInfo {
  if (typeof wire !== "string") return wire as TaskInfo;
  const info = readTaskInfo(wire as EncodedMessage, role);
  assert(info.ok, "an encoded TaskInfo cannot be read", { role });
  return info.value;
}

/** The same of one that comes from outside. */
export function readTaskInfo(encoded: EncodedMessage, role: string): Result<TaskInfo, string> {
  const decoded = decodeProtobuf(messageTypes.TaskInfo, Buffer.from(encoded, "latin1"));
  if (!decoded.ok || decoded.value.resources === undefined) return decoded;
  return ok({ ...decoded.value, resources: decoded.value.resources.map(allocatedTo(role)) });
}

function allocatedTo(role: string): (resource: Resource) => Resource {
  return (resource) =>
    resource.allocation_info === undefined ? { ...resource, allocation_info: { role } } : resource;
}

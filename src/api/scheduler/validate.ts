// What a scheduler call must have before anything is done (SC01 to SC31), in the order and words of Mesos.
import type { FrameworkID, FrameworkInfo, SchedulerCall, SchedulerCallType } from "../../contract/types.ts";
import { isUuid } from "../convert/uuids.ts";

/** The part of the call that must be there, by type. */
const REQUIRED_PART: Partial<Readonly<Record<SchedulerCallType, keyof SchedulerCall>>> = {
  SUBSCRIBE: "subscribe",
  ACCEPT: "accept",
  DECLINE: "decline",
  ACCEPT_INVERSE_OFFERS: "accept_inverse_offers",
  DECLINE_INVERSE_OFFERS: "decline_inverse_offers",
  KILL: "kill",
  SHUTDOWN: "shutdown",
  ACKNOWLEDGE: "acknowledge",
  ACKNOWLEDGE_OPERATION_STATUS: "acknowledge_operation_status",
  RECONCILE: "reconcile",
  RECONCILE_OPERATIONS: "reconcile_operations",
  MESSAGE: "message",
  REQUEST: "request",
  UPDATE_FRAMEWORK: "update_framework",
};

/** What is wrong with the call, null if nothing. */
export function problemOfCall(call: SchedulerCall): string | null {
  const { type } = call;
  if (type === undefined || type === "UNKNOWN") return expecting("type");
  if (type !== "SUBSCRIBE" && call.framework_id === undefined) return expecting("framework_id");
  const part = REQUIRED_PART[type];
  if (part !== undefined && call[part] === undefined) return expecting(part);
  return problemOfParts(call);
}

function expecting(field: string): string {
  return `Expecting '${field}' to be present`;
}

function problemOfParts(call: SchedulerCall): string | null {
  const { framework_id } = call;
  switch (call.type) {
    case "SUBSCRIBE":
      return differing(framework_id, call.subscribe?.framework_info, "subscribe");
    case "UPDATE_FRAMEWORK":
      return differing(framework_id, call.update_framework?.framework_info, "update_framework");
    case "ACKNOWLEDGE":
      return problemOfUuid(call.acknowledge?.uuid);
    case "ACKNOWLEDGE_OPERATION_STATUS":
      return problemOfUuid(call.acknowledge_operation_status?.uuid);
    default:
      return null;
  }
}

function differing(
  id: FrameworkID | undefined,
  info: FrameworkInfo | undefined,
  part: string,
): string | null {
  if ((id?.value ?? "") === (info?.id?.value ?? "")) return null;
  return `'framework_id' differs from '${part}.framework_info.id'`;
}

function problemOfUuid(uuid: Uint8Array | undefined): string | null {
  return uuid !== undefined && isUuid(uuid) ? null : "Not a valid UUID";
}

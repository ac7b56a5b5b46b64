// What an operator's call must have before anything is done, in the words of Mesos.
import type { MasterCall, MasterCallType } from "../../contract/types.ts";

/** Calls that have no part of their own. */
const WITHOUT_PART: ReadonlySet<MasterCallType> = new Set([
  "GET_HEALTH",
  "GET_FLAGS",
  "GET_VERSION",
  "GET_LOGGING_LEVEL",
  "GET_STATE",
  "GET_AGENTS",
  "GET_FRAMEWORKS",
  "GET_EXECUTORS",
  "GET_TASKS",
  "GET_ROLES",
  "GET_WEIGHTS",
  "GET_MASTER",
  "SUBSCRIBE",
  "GET_MAINTENANCE_STATUS",
  "GET_MAINTENANCE_SCHEDULE",
  "GET_QUOTA",
  "GET_OPERATIONS",
]);

/** What is wrong with the call, null if nothing. Every other call has a part that is called as the call is. */
export function problemOfCall(call: MasterCall): string | null {
  const { type } = call;
  if (type === undefined || type === "UNKNOWN") return "Expecting 'type' to be present";
  if (WITHOUT_PART.has(type)) return null;
  const part = type.toLowerCase();
  return Object.hasOwn(call, part) ? null : `Expecting '${part}' to be present`;
}

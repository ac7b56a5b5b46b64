// `/maintenance/schedule`, `/maintenance/status`, `/machine/down` and `/machine/up` (MO15).
import { decodeJson, encodeJson } from "../../contract/codec.ts";
import { messageTypes } from "../../contract/message-types.ts";
import { type ApiContext, confirmed, refusalUnlessLeading } from "../context.ts";
import { scheduleToWire } from "../convert/maintenance.ts";
import { badRequest, legacyJson, methodNotAllowed, type Reply } from "../http/reply.ts";
import { moveMachines, maintenanceStatus as statusOf, updateSchedule } from "../operator/maintenance.ts";
import type { LegacyRequest } from "./request.ts";
import { wrappedList } from "./wrapped-list.ts";

export async function maintenanceSchedule(context: ApiContext, request: LegacyRequest): Promise<Reply> {
  const { method, target, jsonp, body } = request;
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  if (method === "POST") {
    const decoded = decodeJson(messageTypes.MaintenanceSchedule, body);
    return decoded.ok
      ? updateSchedule(context, decoded.value, target)
      : badRequest(withoutHead(decoded.error));
  }
  if (method !== "GET") return methodNotAllowed("GET, POST", method);
  const schedule = scheduleToWire(context.master.state().maintenance.windows);
  return confirmed(
    context,
    legacyJson(encodeJson(messageTypes.MaintenanceSchedule, schedule), jsonp),
    target,
  );
}

export async function maintenanceStatus(context: ApiContext, request: LegacyRequest): Promise<Reply> {
  const { method, target, jsonp } = request;
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  if (method !== "GET") return methodNotAllowed("GET", method);
  const status = encodeJson(messageTypes.MaintenanceClusterStatus, statusOf(context.master.state()));
  return confirmed(context, legacyJson(status, jsonp), target);
}

export function machineDown(context: ApiContext, request: LegacyRequest): Promise<Reply> {
  return move(context, request, "start-maintenance");
}

export function machineUp(context: ApiContext, request: LegacyRequest): Promise<Reply> {
  return move(context, request, "stop-maintenance");
}

/** The body is a list of machines. */
async function move(
  context: ApiContext,
  { method, target, body }: LegacyRequest,
  kind: "start-maintenance" | "stop-maintenance",
): Promise<Reply> {
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  if (method !== "POST") return methodNotAllowed("POST", method);
  const wrapped = wrappedList(body, "machines");
  if (wrapped == null) return badRequest("Failed to parse the list of machines: expecting a JSON array");
  const decoded = decodeJson(messageTypes.MasterCallStartMaintenance, wrapped);
  if (!decoded.ok) return badRequest(withoutHead(decoded.error));
  return moveMachines(context, kind, decoded.value.machines ?? [], target);
}

/** What is wrong alone, as these endpoints say it. */
function withoutHead(error: string): string {
  return error.replace(/^Failed to convert JSON into \w+ protobuf: /, "");
}

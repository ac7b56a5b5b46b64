// `/reserve`, `/unreserve`, `/create-volumes` and `/destroy-volumes`: a form with `slaveId` and a list of resources in JSON.
import type { ConversionType } from "../../allocator/index.ts";
import { decodeJson } from "../../contract/codec.ts";
import { messageTypes } from "../../contract/message-types.ts";
import { type ApiContext, refusalUnlessLeading } from "../context.ts";
import { badRequest, methodNotAllowed, type Reply } from "../http/reply.ts";
import { operateOn } from "../operator/operations.ts";
import type { LegacyRequest } from "./request.ts";
import { wrappedList } from "./wrapped-list.ts";

type Handler = (context: ApiContext, request: LegacyRequest) => Promise<Reply>;

export function legacyOperation(type: ConversionType): Handler {
  const field = type === "RESERVE" || type === "UNRESERVE" ? "resources" : "volumes";
  return async (context, { method, target, body }) => {
    const refusal = refusalUnlessLeading(context, target);
    if (refusal !== null) return refusal;
    if (method !== "POST") return methodNotAllowed("POST", method);
    const form = new URLSearchParams(body);
    const agentId = form.get("slaveId");
    if (agentId === null) return badRequest("Missing 'slaveId' query parameter in the request body");
    const text = form.get(field);
    if (text === null) return badRequest(`Missing '${field}' query parameter in the request body`);
    const refused = (problem: string) =>
      badRequest(`Error parsing '${field}' query parameter in the request body: ${problem}`);
    const wrapped = wrappedList(text, "resources");
    if (wrapped === undefined) return refused("syntax error at line 1 near: ");
    if (wrapped === null) return refused("a list is expected");
    const wire = decodeJson(messageTypes.OfferOperationReserve, wrapped);
    if (!wire.ok) return refused(wire.error);
    return operateOn(context, { type, agentId, resources: wire.value.resources ?? [] }, target);
  };
}

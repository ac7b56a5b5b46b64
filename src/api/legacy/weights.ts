// `/weights`: the weights of roles as a list, and with PUT a list of new ones.
import { decodeJson } from "../../contract/codec.ts";
import { messageTypes } from "../../contract/message-types.ts";
import { type ApiContext, confirmed, refusalUnlessLeading } from "../context.ts";
import { badRequest, legacyJson, methodNotAllowed, type Reply } from "../http/reply.ts";
import { updateWeights, weightInfos } from "../operator/weights.ts";
import type { LegacyRequest } from "./request.ts";
import { wrappedList } from "./wrapped-list.ts";

export async function weights(context: ApiContext, request: LegacyRequest): Promise<Reply> {
  const { method, target, jsonp, body } = request;
  const refusal = refusalUnlessLeading(context, target);
  if (refusal !== null) return refusal;
  if (method === "PUT") return putWeights(context, body, target);
  if (method !== "GET") return methodNotAllowed("GET, PUT", method);
  const listed = weightInfos(context.master.state()).map(({ role, weight }) => ({ role, weight }));
  return confirmed(context, legacyJson(JSON.stringify(listed), jsonp), target);
}

async function putWeights(context: ApiContext, body: string, target: string): Promise<Reply> {
  const refused = (problem: string) =>
    badRequest(`Failed to parse update weights request JSON '${body}': ${problem}`);
  const wrapped = wrappedList(body, "weight_infos");
  if (wrapped === undefined) return refused("syntax error");
  if (wrapped === null) return refused("Unexpected JSON type parsed");
  const decoded = decodeJson(messageTypes.MasterCallUpdateWeights, wrapped);
  if (decoded.ok) return updateWeights(context, decoded.value.weight_infos ?? [], target);
  return badRequest(`Failed to convert weights JSON array to protobuf '${body}': ${decoded.error}`);
}

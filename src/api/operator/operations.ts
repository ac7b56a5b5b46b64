// RESERVE_RESOURCES, UNRESERVE_RESOURCES, CREATE_VOLUMES and DESTROY_VOLUMES (MO13, MO14), in the words of Mesos; the
// legacy endpoints say the same.
import type { ConversionType } from "../../allocator/index.ts";
import type { MasterCall, Resource as WireResource } from "../../contract/types.ts";
import { type AgentId, asId } from "../../kernel/ids.ts";
import { type ApiContext, confirmed, replyToOutcome } from "../context.ts";
import { conversionOf } from "../convert/operations.ts";
import { badRequest, empty, type Reply } from "../http/reply.ts";
import { agentPid } from "./views.ts";

export interface AgentOperation {
  readonly type: ConversionType;
  readonly agentId: string;
  readonly resources: readonly WireResource[];
  readonly source?: readonly WireResource[] | undefined;
}

/** Null for any other call. */
export function agentOperationOf(call: MasterCall): AgentOperation | null {
  const { reserve_resources, unreserve_resources, create_volumes, destroy_volumes } = call;
  if (call.type === "RESERVE_RESOURCES" && reserve_resources !== undefined) {
    const { agent_id, resources = [], source } = reserve_resources;
    return { type: "RESERVE", agentId: agent_id.value, resources, source };
  }
  if (call.type === "UNRESERVE_RESOURCES" && unreserve_resources !== undefined) {
    const { agent_id, resources = [] } = unreserve_resources;
    return { type: "UNRESERVE", agentId: agent_id.value, resources };
  }
  if (call.type === "CREATE_VOLUMES" && create_volumes !== undefined) {
    return {
      type: "CREATE",
      agentId: create_volumes.agent_id.value,
      resources: create_volumes.volumes ?? [],
    };
  }
  if (call.type === "DESTROY_VOLUMES" && destroy_volumes !== undefined) {
    return {
      type: "DESTROY",
      agentId: destroy_volumes.agent_id.value,
      resources: destroy_volumes.volumes ?? [],
    };
  }
  return null;
}

/** 202 when it is done; 400 if it is invalid, 409 if what it needs is not there. @param target path and query */
export async function operate(
  context: ApiContext,
  { type, agentId, resources, source }: AgentOperation,
  target: string,
): Promise<Reply> {
  const id = asId<AgentId>(agentId);
  const agent = context.master.state().agents.get(id);
  const operation = conversionOf({ type, operationId: null, resources, source }, null);
  const outcome = await context.master.submit({ kind: "operate", agentId: id, operation });
  if (outcome.kind === "rejected" && outcome.rejection.code === "operation-invalid" && agent !== undefined) {
    const where = `${id} at ${agentPid(agent.spec)} (${agent.spec.hostname})`;
    const text = `Invalid ${type} operation on agent ${where}: ${outcome.rejection.message}`;
    return confirmed(context, badRequest(text), target);
  }
  return replyToOutcome(context, outcome, empty(202), target);
}

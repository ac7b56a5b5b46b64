// RESERVE_RESOURCES, UNRESERVE_RESOURCES, CREATE_VOLUMES, DESTROY_VOLUMES, GROW_VOLUME and SHRINK_VOLUME (MO13, MO14), in
// the words of Mesos; the legacy endpoints say the same. And the operations that frameworks wait for (GET_OPERATIONS).
import type { ConversionType } from "../../allocator/index.ts";
import type {
  MasterCall,
  MasterResponseGetOperations,
  OperationStatus,
  Operation as WireOperation,
  Resource as WireResource,
} from "../../contract/types.ts";
import { type AgentId, asId } from "../../kernel/ids.ts";
import type { Conversion } from "../../state/commands.ts";
import type { ClusterState, FinishedOperation } from "../../state/model.ts";
import { uuidOf } from "../../state/operation-uuids.ts";
import { type ApiContext, confirmed, replyToOutcome } from "../context.ts";
import { conversionOf, operationToWire, resizeOf } from "../convert/operations.ts";
import { bytesOf } from "../convert/uuids.ts";
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

/** Null for any other call. */
export function resizeIn(call: MasterCall): AgentResize | null {
  const { grow_volume, shrink_volume } = call;
  if (call.type === "GROW_VOLUME" && grow_volume !== undefined) {
    const { agent_id, volume, addition } = grow_volume;
    const wire = { type: call.type, operationId: null, volume, addition };
    return { agentId: agent_id?.value ?? "", operation: resizeOf(wire, null) };
  }
  if (call.type === "SHRINK_VOLUME" && shrink_volume !== undefined) {
    const { agent_id, volume, subtract } = shrink_volume;
    const wire = { type: call.type, operationId: null, volume, subtract };
    return { agentId: agent_id?.value ?? "", operation: resizeOf(wire, null) };
  }
  return null;
}

export interface AgentResize {
  readonly agentId: string;
  readonly operation: Conversion;
}

export function getOperations(state: ClusterState): MasterResponseGetOperations {
  return { operations: [...state.operations.values()].map(operationView) };
}

function operationView(operation: FinishedOperation): WireOperation {
  const { number, frameworkId, agentId, operationId } = operation;
  const status: OperationStatus = {
    operation_id: { value: operationId },
    state: "OPERATION_FINISHED",
    uuid: { value: bytesOf(uuidOf("status", number)) },
    agent_id: { value: agentId },
  };
  return {
    framework_id: { value: frameworkId },
    agent_id: { value: agentId },
    info: operationToWire(operation),
    latest_status: status,
    statuses: [status],
    uuid: { value: bytesOf(uuidOf("operation", number)) },
  };
}

/** As a form of the legacy endpoints or a call names it. */
export function operateOn(
  context: ApiContext,
  { type, agentId, resources, source }: AgentOperation,
  target: string,
): Promise<Reply> {
  const operation = conversionOf({ type, operationId: null, resources, source }, null);
  return operate(context, { agentId, operation }, target);
}

/** 202 when it is done; 400 if it is invalid, 409 if what it needs is not there. @param target path and query */
export async function operate(
  context: ApiContext,
  { agentId, operation }: AgentResize,
  target: string,
): Promise<Reply> {
  const id = asId<AgentId>(agentId);
  const agent = context.master.state().agents.get(id);
  const outcome = await context.master.submit({ kind: "operate", agentId: id, operation });
  if (outcome.kind === "rejected" && outcome.rejection.code === "operation-invalid" && agent !== undefined) {
    const where = `${id} at ${agentPid(agent.spec)} (${agent.spec.hostname})`;
    const text = `Invalid ${operation.type} operation on agent ${where}: ${outcome.rejection.message}`;
    return confirmed(context, badRequest(text), target);
  }
  return replyToOutcome(context, outcome, empty(202), target);
}

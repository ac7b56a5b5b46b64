// From a valid scheduler call to the command that it asks for.
import type {
  OfferOperation,
  SchedulerCall,
  SchedulerCallAccept,
  SchedulerCallAcceptInverseOffers,
  SchedulerCallReconcileTask,
  TaskInfo,
} from "../../contract/types.ts";
import type { EncodedMessage } from "../../kernel/encoded.ts";
import {
  type AgentId,
  asId,
  type ExecutorId,
  type FrameworkId,
  type OfferId,
  type RoleName,
  type TaskId,
} from "../../kernel/ids.ts";
import type { Accept, Command, Operation } from "../../state/commands.ts";
import type { ClusterState } from "../../state/model.ts";
import { conversionOf, resizeOf, type WireConversion, type WireResize } from "../convert/operations.ts";
import { resourcesReader } from "../convert/resources.ts";
import { taskSpec } from "../convert/tasks.ts";
import { refuseMsOf } from "../convert/times.ts";
import { hexOf } from "../convert/uuids.ts";

/** The TaskInfos of a call as they came. */
export type EncodedTasks = ReadonlyMap<object, EncodedMessage> | null;

/**
 * The command, or null for a call that changes nothing (REQUEST) or is not there yet. The state is read for one thing
 * only: the role of the offers that an ACCEPT names.
 * @param encoded what is not there is encoded anew
 */
export function commandOf(
  call: SchedulerCall,
  frameworkId: FrameworkId,
  state: ClusterState,
  encoded: EncodedTasks = null,
): Command | null {
  switch (call.type) {
    case "TEARDOWN":
      return { kind: "teardown", frameworkId };
    case "ACCEPT":
      return call.accept === undefined ? null : acceptOf(call.accept, frameworkId, state, encoded);
    case "DECLINE":
      return declineOf(call, frameworkId);
    case "ACCEPT_INVERSE_OFFERS":
      return inverseAnswer(frameworkId, "ACCEPT", call.accept_inverse_offers);
    case "DECLINE_INVERSE_OFFERS":
      return inverseAnswer(frameworkId, "DECLINE", call.decline_inverse_offers);
    case "REVIVE":
      return { kind: "revive", frameworkId, roles: roleNames(call.revive?.roles) };
    case "SUPPRESS":
      return { kind: "suppress", frameworkId, roles: roleNames(call.suppress?.roles) };
    case "RECONCILE":
      return { kind: "reconcile", frameworkId, tasks: (call.reconcile?.tasks ?? []).map(reconciled) };
    case "ACKNOWLEDGE_OPERATION_STATUS":
    case "RECONCILE_OPERATIONS":
      return feedbackCommandOf(call, frameworkId);
    default:
      return taskCommandOf(call, frameworkId);
  }
}

function feedbackCommandOf(call: SchedulerCall, frameworkId: FrameworkId): Command | null {
  const { acknowledge_operation_status: acknowledge, reconcile_operations: reconcile } = call;
  if (acknowledge !== undefined) {
    const { operation_id, uuid } = acknowledge;
    const operationId = operation_id.value;
    return { kind: "acknowledge-operation", frameworkId, operationId, uuid: hexOf(uuid) };
  }
  const operations = (reconcile?.operations ?? []).map(({ operation_id, agent_id }) => ({
    operationId: operation_id.value,
    agentId: agent_id === undefined ? null : asId<AgentId>(agent_id.value),
  }));
  return { kind: "reconcile-operations", frameworkId, operations };
}

function taskCommandOf(call: SchedulerCall, frameworkId: FrameworkId): Command | null {
  const { kill, acknowledge, message, shutdown } = call;
  if (call.type === "KILL" && kill !== undefined) {
    const policy = kill.kill_policy === undefined ? null : { ...kill.kill_policy };
    const agentId = kill.agent_id === undefined ? null : asId<AgentId>(kill.agent_id.value);
    return { kind: "kill", frameworkId, taskId: asId<TaskId>(kill.task_id.value), agentId, policy };
  }
  if (call.type === "ACKNOWLEDGE" && acknowledge !== undefined) {
    const { agent_id, task_id, uuid } = acknowledge;
    const agentId = asId<AgentId>(agent_id.value);
    return {
      kind: "acknowledge",
      frameworkId,
      agentId,
      taskId: asId<TaskId>(task_id.value),
      uuid: hexOf(uuid),
    };
  }
  if (call.type === "MESSAGE" && message !== undefined) {
    return { kind: "message-executor", frameworkId, ...executorOf(message), data: message.data };
  }
  if (call.type === "SHUTDOWN" && shutdown !== undefined) {
    return { kind: "shutdown-executor", frameworkId, ...executorOf(shutdown) };
  }
  return null;
}

function executorOf(named: {
  readonly agent_id: { readonly value: string };
  readonly executor_id: { readonly value: string };
}): { readonly agentId: AgentId; readonly executorId: ExecutorId } {
  return { agentId: asId(named.agent_id.value), executorId: asId(named.executor_id.value) };
}

function declineOf(call: SchedulerCall, frameworkId: FrameworkId): Command {
  const { offer_ids = [], filters } = call.decline ?? {};
  return {
    kind: "decline",
    frameworkId,
    offerIds: offer_ids.map(({ value }) => asId<OfferId>(value)),
    refuseMs: refuseMsOf(filters?.refuse_seconds),
  };
}

function inverseAnswer(
  frameworkId: FrameworkId,
  status: "ACCEPT" | "DECLINE",
  { inverse_offer_ids = [], filters }: SchedulerCallAcceptInverseOffers = {},
): Command {
  const offerIds = inverse_offer_ids.map(({ value }) => asId<OfferId>(value));
  const refuseMs = refuseMsOf(filters?.refuse_seconds);
  return { kind: "answer-inverse-offers", frameworkId, offerIds, status, refuseMs };
}

function reconciled(task: SchedulerCallReconcileTask): {
  readonly taskId: TaskId;
  readonly agentId: AgentId | null;
} {
  return {
    taskId: asId<TaskId>(task.task_id.value),
    agentId: task.agent_id === undefined ? null : asId<AgentId>(task.agent_id.value),
  };
}

function acceptOf(
  accept: SchedulerCallAccept,
  frameworkId: FrameworkId,
  state: ClusterState,
  encoded: EncodedTasks,
): Accept {
  const offerIds = (accept.offer_ids ?? []).map(({ value }) => asId<OfferId>(value));
  const role = roleOfOffers(offerIds, state);
  return {
    kind: "accept",
    frameworkId,
    offerIds,
    operations: (accept.operations ?? []).flatMap((operation) => operationOf(operation, role, encoded)),
    refuseMs: refuseMsOf(accept.filters?.refuse_seconds),
  };
}

/** Offers of one ACCEPT have one role, or the ACCEPT is refused by `decide`. */
function roleOfOffers(offerIds: readonly OfferId[], state: ClusterState): RoleName | null {
  for (const id of offerIds) {
    const offer = state.offers.get(id);
    if (offer !== undefined) return offer.role;
  }
  return null;
}

/** An operation without a type is passed over, as Mesos does. */
function operationOf(
  operation: OfferOperation,
  role: RoleName | null,
  encoded: EncodedTasks,
): readonly Operation[] {
  const { type = "UNKNOWN", id, launch, launch_group } = operation;
  const operationId = id?.value ?? null;
  if (type === "UNKNOWN") return [];
  if (type === "LAUNCH") {
    const read = resourcesReader();
    const tasks = (launch?.task_infos ?? []).map((info) => taskSpec(info, role, encoded?.get(info), read));
    return [{ kind: "launch", operationId, tasks }];
  }
  const resize = resizeIn(operation);
  if (resize !== null) return [resizeOf({ ...resize, operationId }, role)];
  const conversion = conversionIn(operation);
  if (conversion !== null) return [conversionOf({ ...conversion, operationId }, role)];
  const tasks = type === "LAUNCH_GROUP" ? (launch_group?.task_group.tasks ?? []) : [];
  return [{ kind: "unsupported", type, operationId, tasks: tasks.map(taskName) }];
}

/** Null for any other operation. */
function conversionIn(operation: OfferOperation): Omit<WireConversion, "operationId"> | null {
  const { type, reserve, unreserve, create, destroy } = operation;
  switch (type) {
    case "RESERVE":
      return { type, resources: reserve?.resources ?? [], source: reserve?.source };
    case "UNRESERVE":
      return { type, resources: unreserve?.resources ?? [], source: undefined };
    case "CREATE":
      return { type, resources: create?.volumes ?? [], source: undefined };
    case "DESTROY":
      return { type, resources: destroy?.volumes ?? [], source: undefined };
    default:
      return null;
  }
}

function resizeIn({
  type,
  grow_volume,
  shrink_volume,
}: OfferOperation): Omit<WireResize, "operationId"> | null {
  if (type === "GROW_VOLUME" && grow_volume !== undefined) return { type, ...grow_volume };
  if (type === "SHRINK_VOLUME" && shrink_volume !== undefined) return { type, ...shrink_volume };
  return null;
}

function taskName(info: TaskInfo): { readonly taskId: TaskId; readonly agentId: AgentId } {
  return { taskId: asId<TaskId>(info.task_id.value), agentId: asId<AgentId>(info.agent_id.value) };
}

function roleNames(roles: readonly string[] | undefined): readonly RoleName[] {
  return (roles ?? []).map((role) => asId<RoleName>(role));
}

// Whether a command may be carried out, and which events that makes. Pure: it reads the state and never changes it; time
// and ids come in the context. The events of one command are decided against the state before the first of them.
import { allocate } from "../allocator/index.ts";
import { assertNever } from "../kernel/assert.ts";
import type { OfferId } from "../kernel/ids.ts";
import type { Command, Context } from "./commands.ts";
import { decideAccept, decideDecline } from "./decide/accept.ts";
import { decideDisconnectAgent, decideRegister, decideUnregister } from "./decide/agents.ts";
import { decideCorrect } from "./decide/corrections.ts";
import { decideExpire } from "./decide/deadlines.ts";
import { accepted, type Decision } from "./decide/decision.ts";
import { decideDeactivate, decideDrain, decideMarkGone, decideReactivate } from "./decide/duty.ts";
import {
  decideDisconnect,
  decideRevive,
  decideSubscribe,
  decideSuppress,
  decideTeardown,
  decideUpdateFramework,
} from "./decide/frameworks.ts";
import { decideInverseAnswer } from "./decide/inverse-offers.ts";
import { decideLead, decideSetPolicy } from "./decide/lead.ts";
import { decideSchedule, decideStartMaintenance, decideStopMaintenance } from "./decide/maintenance.ts";
import { messageExecutor, messageFramework, shutdownExecutor } from "./decide/messages.ts";
import { decideOperate } from "./decide/operate.ts";
import { decideAcknowledgeOperation, decideReconcileOperations } from "./decide/operations.ts";
import { decideRemoveQuota, decideSetQuota, decideUpdateQuotas } from "./decide/quotas.ts";
import { decideReconcile } from "./decide/reconcile.ts";
import {
  decideAcknowledge,
  decideExecutorExited,
  decideKill,
  decideUpdateStatus,
  decideUpdateStatuses,
} from "./decide/tasks.ts";
import { decideUpdateWeights } from "./decide/weights.ts";
import { OFFERS_BYTES_MAX, OFFERS_PER_CYCLE_MAX } from "./limits.ts";
import type { ClusterState, Offer } from "./model.ts";
import { packedBytesAtMost } from "./packed-size.ts";
import { allocateOptions } from "./requirements.ts";

export type { Decision, Reply } from "./decide/decision.ts";

type OperatorCommand = Extract<
  Command,
  {
    kind:
      | "deactivate-agent"
      | "reactivate-agent"
      | "drain-agent"
      | "mark-agent-gone"
      | "update-maintenance-schedule"
      | "start-maintenance"
      | "stop-maintenance"
      | "operate"
      | "update-weights"
      | "update-quotas"
      | "set-quota"
      | "remove-quota";
  }
>;

/** @returns events to be applied in this order and logged in one entry, or why the command is refused */
export function decide(state: ClusterState, command: Command, context: Context): Decision {
  switch (command.kind) {
    case "lead":
      return decideLead(state, command, context);
    case "subscribe":
      return decideSubscribe(state, command);
    case "update-framework":
      return decideUpdateFramework(state, command);
    case "disconnect-framework":
      return decideDisconnect(state, command, context);
    case "teardown":
      return decideTeardown(state, command, context);
    case "accept":
      return decideAccept(state, command, context);
    case "decline":
      return decideDecline(state, command, context);
    case "revive":
      return decideRevive(state, command);
    case "suppress":
      return decideSuppress(state, command);
    case "kill":
      return decideKill(state, command, context);
    case "acknowledge":
      return decideAcknowledge(state, command);
    case "reconcile":
      return decideReconcile(state, command, context);
    case "acknowledge-operation":
      return decideAcknowledgeOperation(state, command);
    case "reconcile-operations":
      return decideReconcileOperations(state, command);
    case "message-executor":
      return messageExecutor(state, command);
    case "shutdown-executor":
      return shutdownExecutor(state, command);
    case "register-agent":
      return decideRegister(state, command, context);
    case "correct-agent":
      return decideCorrect(state, command);
    case "disconnect-agent":
      return decideDisconnectAgent(state, command, context);
    case "unregister-agent":
      return decideUnregister(state, command, context);
    case "update-status":
      return decideUpdateStatus(state, command);
    case "update-statuses":
      return decideUpdateStatuses(state, command);
    case "executor-exited":
      return decideExecutorExited(state, command);
    case "message-framework":
      return messageFramework(state, command);
    case "answer-inverse-offers":
      return decideInverseAnswer(state, command, context);
    case "set-policy":
      return decideSetPolicy(state, command.policy);
    case "expire":
      return decideExpire(state, context);
    case "allocate":
      return decideAllocate(state, context);
    case "record-digest":
      return accepted([{ kind: "DigestRecorded", index: command.index, digest: command.digest }]);
    default:
      return decideForOperator(state, command, context);
  }
}

/** What an operator asks for. */
function decideForOperator(state: ClusterState, command: OperatorCommand, context: Context): Decision {
  switch (command.kind) {
    case "deactivate-agent":
      return decideDeactivate(state, command.agentId);
    case "reactivate-agent":
      return decideReactivate(state, command.agentId);
    case "drain-agent":
      return decideDrain(state, command, context);
    case "mark-agent-gone":
      return decideMarkGone(state, command, context);
    case "update-maintenance-schedule":
      return decideSchedule(state, command.windows);
    case "start-maintenance":
      return decideStartMaintenance(state, command, context);
    case "stop-maintenance":
      return decideStopMaintenance(state, command.machines);
    case "operate":
      return decideOperate(state, command, context);
    case "update-weights":
      return decideUpdateWeights(state, command);
    case "update-quotas":
      return decideUpdateQuotas(state, command);
    case "set-quota":
      return decideSetQuota(state, command);
    case "remove-quota":
      return decideRemoveQuota(state, command.role);
    default:
      return assertNever(command);
  }
}

function decideAllocate(state: ClusterState, context: Context): Decision {
  const { now } = context;
  const options = allocateOptions(state, context.constraintCache);
  const cut = { ...options, offersMax: OFFERS_PER_CYCLE_MAX };
  const allocations =
    context.cycles?.next(state.allocator, now, cut, state.minted.offers) ??
    allocate(state.allocator, now, cut);
  if (allocations.length === 0) return accepted([]);
  const offers: Offer[] = [];
  let bytes = 0;
  for (const allocation of allocations) {
    const id = `${state.clusterId}-O${state.minted.offers + offers.length}` as OfferId;
    const offer = { id, ...allocation, madeAt: now };
    bytes += packedBytesAtMost(offer);
    if (bytes > OFFERS_BYTES_MAX && offers.length > 0) {
      context.cycles?.goBackTo(offers.length);
      break;
    }
    offers.push(offer);
  }
  return accepted([{ kind: "OffersMade", offers }]);
}

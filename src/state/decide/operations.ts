// Feedback of operations (SC20, SC21): acknowledgements, what is told again, and reconciliation. An operation is done by
// the event that changes the agent's resources, so the only states that it can be told in are finished and refused.
import type { AgentId, Millis } from "../../kernel/ids.ts";
import type { Command } from "../commands.ts";
import type { Effect, FrameworkEvent } from "../effects.ts";
import type { Event } from "../events.ts";
import {
  OPERATION_RETRY_MS_MAX,
  OPERATION_RETRY_MS_MIN,
  OPERATIONS_MAX,
  OPERATIONS_PER_FRAMEWORK_MAX,
  OPERATIONS_TOLD_MAX,
  RECONCILED_TASKS_MAX,
} from "../limits.ts";
import { after, isConnected } from "../lookups.ts";
import type { ClusterState, FinishedOperation, Framework } from "../model.ts";
import { numberOfStatus } from "../operation-uuids.ts";
import { accepted, answered, type Decision, dropped } from "./decision.ts";
import { connectedFramework } from "./frameworks.ts";

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

/** One that is not waited for is passed over, as Mesos does. */
export function decideAcknowledgeOperation(
  state: ClusterState,
  { frameworkId, operationId, uuid }: CommandOf<"acknowledge-operation">,
): Decision {
  const found = connectedFramework(state, frameworkId);
  if ("refusal" in found) return found.refusal;
  const number = numberOfStatus(uuid);
  const known = number === null ? undefined : state.operations.get(number);
  if (number === null || known?.frameworkId !== frameworkId || known.operationId !== operationId) {
    return dropped();
  }
  return accepted([{ kind: "OperationAcknowledged", frameworkId, operationId, number }]);
}

export function decideReconcileOperations(
  state: ClusterState,
  { frameworkId, operations }: CommandOf<"reconcile-operations">,
): Decision {
  const found = connectedFramework(state, frameworkId);
  if ("refusal" in found) return found.refusal;
  const { framework } = found;
  const own = [...operationsOf(state, framework)];
  if (operations.length === 0) return answered(own.map((operation) => finished(framework, operation)));
  const byId = new Map(own.map((operation) => [operation.operationId, operation]));
  const asked = operations.slice(0, RECONCILED_TASKS_MAX);
  return answered(
    asked.map(({ operationId, agentId }) => {
      const known = byId.get(operationId);
      return known === undefined
        ? unknown(state, framework, operationId, agentId)
        : finished(framework, known);
    }),
  );
}

/** Why the framework may not be given feedback of so many more; null if it may. */
export function feedbackFault(state: ClusterState, framework: Framework, more: number): string | null {
  if (state.operations.size + more > OPERATIONS_MAX)
    return `${OPERATIONS_MAX} operations wait to be acknowledged`;
  let own = more;
  for (const _operation of operationsOf(state, framework)) own++;
  return own > OPERATIONS_PER_FRAMEWORK_MAX
    ? `${OPERATIONS_PER_FRAMEWORK_MAX} operations of the framework wait to be acknowledged`
    : null;
}

/** Statuses that are due to be told again, at most OPERATIONS_TOLD_MAX. */
export function operationsDue(state: ClusterState, now: Millis): readonly Event[] {
  const operations = [];
  for (const { number, frameworkId, told } of state.operations.values()) {
    if (told.againAt > now || !isConnected(state.frameworks.get(frameworkId))) continue;
    const waitMs = Math.min(told.waitMs * 2, OPERATION_RETRY_MS_MAX);
    operations.push({ number, againAt: after(now, waitMs), waitMs });
    if (operations.length === OPERATIONS_TOLD_MAX) break;
  }
  return operations.length === 0 ? [] : [{ kind: "OperationsTold", operations }];
}

/** When a status that is told now is told again. */
export function firstRetry(now: Millis): { readonly againAt: Millis; readonly waitMs: number } {
  return { againAt: after(now, OPERATION_RETRY_MS_MIN), waitMs: OPERATION_RETRY_MS_MIN };
}

export function* operationsOf(
  state: ClusterState,
  { id }: Pick<Framework, "id">,
): Generator<FinishedOperation> {
  for (const operation of state.operations.values()) if (operation.frameworkId === id) yield operation;
}

/** Answers to reconciliation have no uuid and are not acknowledged. */
function finished({ id }: Framework, { operationId, agentId }: FinishedOperation): Effect {
  return toFramework(id, { kind: "operation-finished", operationId, agentId, uuid: null });
}

function unknown(
  state: ClusterState,
  { id }: Framework,
  operationId: string,
  agentId: AgentId | null,
): Effect {
  const [name, message] = unknownOn(state, agentId);
  return toFramework(id, { kind: "operation-unknown", operationId, agentId, state: name, message });
}

type Unknown = readonly [Extract<FrameworkEvent, { kind: "operation-unknown" }>["state"], string];

function unknownOn(state: ClusterState, agentId: AgentId | null): Unknown {
  if (agentId === null) {
    return ["OPERATION_UNKNOWN", "Reconciliation: Operation is unknown and no 'agent_id' was provided"];
  }
  const agent = state.agents.get(agentId);
  if (agent?.connection.kind === "unreachable") {
    return ["OPERATION_UNREACHABLE", "Reconciliation: Agent is unreachable"];
  }
  if (agent !== undefined) return ["OPERATION_UNKNOWN", "Reconciliation: Operation is unknown"];
  return state.goneAgents.get(agentId)?.cause === "gone"
    ? ["OPERATION_GONE_BY_OPERATOR", "Reconciliation: Agent marked gone by operator"]
    : ["OPERATION_UNKNOWN", "Reconciliation: Both operation and agent are unknown"];
}

function toFramework(frameworkId: Framework["id"], event: FrameworkEvent): Effect {
  return { to: "framework", frameworkId, event };
}

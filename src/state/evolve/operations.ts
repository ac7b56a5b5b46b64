// Operations that are done and whose framework has not acknowledged it (SC20).
import type { AgentId, FrameworkId } from "../../kernel/ids.ts";
import type { AgentResourcesConverted, EventOf } from "../events.ts";
import type { ClusterState } from "../model.ts";

export function keepFinished(state: ClusterState, event: AgentResourcesConverted): void {
  const { by, agentId, operation: type, consumed, converted } = event;
  if (by === null || by.operationId === null || by.feedback === undefined) return;
  const { frameworkId, operationId, feedback } = by;
  const { number, role, againAt, waitMs } = feedback;
  const told = { againAt, waitMs };
  const done = { number, frameworkId, agentId, role, operationId, type, consumed, converted, told };
  state.operations.set(number, done);
}

export function operationAcknowledged(
  state: ClusterState,
  { number }: EventOf<"OperationAcknowledged">,
): void {
  state.operations.delete(number);
}

export function operationsTold(state: ClusterState, { operations }: EventOf<"OperationsTold">): void {
  for (const { number, againAt, waitMs } of operations) {
    const known = state.operations.get(number);
    if (known !== undefined) state.operations.set(number, { ...known, told: { againAt, waitMs } });
  }
}

/** Nobody is left who could acknowledge them, or what they changed is no more. */
export function forgetOperations(
  state: ClusterState,
  of: { readonly frameworkId: FrameworkId } | { readonly agentId: AgentId },
): void {
  for (const [number, { frameworkId, agentId }] of state.operations) {
    const isMeant = "agentId" in of ? of.agentId === agentId : of.frameworkId === frameworkId;
    if (isMeant) state.operations.delete(number);
  }
}

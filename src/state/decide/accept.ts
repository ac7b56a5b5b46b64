// ACCEPT and DECLINE: what becomes of offers (traps 13 to 17). Operations run in their order, each on what those before
// have left; what nobody used is declined.
import {
  add,
  allocatedOn,
  NO_RESOURCES,
  type Resources,
  sharedOf,
  unite,
  without,
} from "../../allocator/index.ts";
import type { Millis, OfferId } from "../../kernel/ids.ts";
import { totalOf } from "../agent-resources.ts";
import type { Accept, Command, Context, Conversion, Operation, TaskSpec } from "../commands.ts";
import type { Event, EventOf } from "../events.ts";
import {
  CONVERSIONS_PER_ACCEPT_MAX,
  MESSAGE_CHARACTERS_MAX,
  OFFERS_PER_CALL_MAX,
  OPERATION_BYTES_MAX,
  REFUSE_MS_MAX,
} from "../limits.ts";
import { after, agentOf } from "../lookups.ts";
import type { ClusterState, Framework, Offer } from "../model.ts";
import { packedBytesAtMost } from "../packed-size.ts";
import { type MasterReason, masterStatus, orLost } from "../statuses.ts";
import { usesOf } from "../usage.ts";
import { rescindedForUse } from "./conflicts.ts";
import { conversionFault, convert, type Outcome, withVolumesOf } from "./conversions.ts";
import { accepted, type Decision, dropped } from "./decision.ts";
import { connectedFramework } from "./frameworks.ts";
import { type Launching, launchTask } from "./launch.ts";
import { feedbackFault, firstRetry } from "./operations.ts";

export function decideAccept(state: ClusterState, command: Accept, { now }: Context): Decision {
  const found = connectedFramework(state, command.frameworkId);
  if ("refusal" in found) return found.refusal;
  const { framework } = found;
  const offers = checkOffers(state, framework, command.offerIds);
  if (typeof offers === "string") return accepted(refuseAll(framework, command, offers, now));
  const [first] = offers;
  if (first === undefined) return dropped();
  const agent = agentOf(state, first.agentId);
  const offered = offers.map(({ resources }) => resources).reduce(unite);
  const launching: Launching = {
    state,
    framework,
    agentId: first.agentId,
    role: first.role,
    left: offered,
    total: totalOf(agent),
    untouched: offered,
    converted: NO_RESOURCES,
    heldCopies: sharedOf(allocatedOn(state.allocator, agent.id)),
    usedCopies: NO_RESOURCES,
    conversions: 0,
    told: 0,
    taskIds: new Set(),
    executors: new Map(),
    now,
  };
  const uses = () => [...usesOf(state, agent), launching.usedCopies];
  const events = command.operations.flatMap((operation) => carryOut(launching, operation, uses));
  const taken: EventOf<"OffersAccepted"> = {
    kind: "OffersAccepted",
    frameworkId: framework.id,
    agentId: first.agentId,
    role: first.role,
    offerIds: offers.map(({ id }) => id),
    unused: without(launching.left, launching.converted),
    refuseUntil: refuseUntil(state, now, command.refuseMs),
  };
  const rescinded = rescindedForUse(state, agent, taken.offerIds, offered, untouchedOf(launching));
  return accepted([...rescinded, taken, ...events]);
}

function untouchedOf({ left, untouched }: Launching): Resources {
  return without(left, without(left, untouched));
}

/** Offers that are not, or no longer, the framework's are skipped. */
export function decideDecline(
  state: ClusterState,
  command: Extract<Command, { kind: "decline" }>,
  { now }: Context,
): Decision {
  const found = connectedFramework(state, command.frameworkId);
  if ("refusal" in found) return found.refusal;
  const offerIds = ownOffers(found.framework, command.offerIds);
  if (offerIds.length === 0) return dropped();
  const { frameworkId, refuseMs } = command;
  return accepted([
    { kind: "OffersDeclined", frameworkId, offerIds, refuseUntil: refuseUntil(state, now, refuseMs) },
  ]);
}

/** Null = no filter: 0 means none; otherwise at least one allocation interval and at most a year (trap 17). */
export function refuseUntil(state: ClusterState, now: Millis, refuseMs: number): Millis | null {
  if (!(refuseMs > 0)) return null;
  return after(
    now,
    Math.round(Math.min(Math.max(refuseMs, state.policy.allocationIntervalMs), REFUSE_MS_MAX)),
  );
}

function ownOffers(framework: Framework, offerIds: readonly OfferId[]): readonly OfferId[] {
  const own = new Set(offerIds.slice(0, OFFERS_PER_CALL_MAX).filter((id) => framework.offers.has(id)));
  return [...own];
}

/** The offers, or what is wrong with them (trap 13). */
function checkOffers(
  state: ClusterState,
  framework: Framework,
  offerIds: readonly OfferId[],
): readonly Offer[] | string {
  if (offerIds.length === 0) return "No offers specified";
  if (offerIds.length > OFFERS_PER_CALL_MAX) return `More than ${OFFERS_PER_CALL_MAX} offers`;
  const offers = new Map<OfferId, Offer>();
  let first: Offer | undefined;
  for (const id of offerIds) {
    if (offers.has(id)) return `Duplicate offer ${id} in offer list`;
    const offer = state.offers.get(id);
    if (offer === undefined) return `Offer ${id} is no longer valid`;
    first ??= offer;
    const fault = offerFault(framework, offer, first);
    if (fault !== null) return fault;
    offers.set(id, offer);
  }
  return [...offers.values()];
}

function offerFault(framework: Framework, offer: Offer, first: Offer): string | null {
  if (offer.frameworkId !== framework.id) {
    return `Offer ${offer.id} has invalid framework ${offer.frameworkId} while framework ${framework.id} is expected`;
  }
  if (offer.role !== first.role) {
    return `Offer ${offer.id} is allocated to role ${offer.role}, offer ${first.id} to role ${first.role}`;
  }
  if (offer.agentId === first.agentId) return null;
  return `Offer ${offer.id} is of agent ${offer.agentId}, offer ${first.id} of agent ${first.agentId}`;
}

/** Every listed offer is lost to the framework, and every operation fails (trap 13). */
function refuseAll(framework: Framework, command: Accept, fault: string, now: Millis): readonly Event[] {
  const offerIds = ownOffers(framework, command.offerIds);
  const events: Event[] =
    offerIds.length === 0 ? [] : [{ kind: "OffersDiscarded", frameworkId: framework.id, offerIds }];
  for (const operation of command.operations) {
    const message = `Task launched with invalid offers: ${fault}`;
    for (const task of operation.kind === "convert" ? [] : operation.tasks) {
      const status = masterStatus(
        { ...whose(task), state: orLost(framework, "TASK_DROPPED"), reason: "INVALID_OFFERS", message },
        now,
      );
      events.push({ kind: "TaskRefused", frameworkId: framework.id, ...whose(task), status });
    }
    events.push(...operationError(framework, operation, `Operation attempted with invalid offers: ${fault}`));
  }
  return events;
}

function carryOut(
  launching: Launching,
  operation: Operation,
  uses: () => Iterable<Resources>,
): readonly Event[] {
  const { framework, now } = launching;
  if (operation.kind === "unsupported") {
    const message = `${operation.type} is not supported`;
    const refusals = operation.tasks.map((task) =>
      taskError(framework, task, message, now, "TASK_GROUP_INVALID"),
    );
    return [...refusals, ...operationError(framework, operation, message)];
  }
  if (operation.kind === "convert") return carryOutConversion(launching, operation, uses);
  const fault = launchFault(operation);
  if (fault !== null) return operation.tasks.map((task) => taskError(framework, task, fault, now));
  return operation.tasks.map((task) => {
    const outcome = launchTask(launching, task);
    return typeof outcome === "string" ? taskError(framework, task, outcome, now) : outcome;
  });
}

/** What follows it in the call sees what it has made (trap 14). One that fails is passed over. */
function carryOutConversion(
  launching: Launching,
  asked: Conversion,
  uses: () => Iterable<Resources>,
): readonly Event[] {
  const { framework, role, agentId, total } = launching;
  const refused = (fault: string) => operationError(framework, asked, fault);
  if (++launching.conversions > CONVERSIONS_PER_ACCEPT_MAX) {
    return refused(`More than ${CONVERSIONS_PER_ACCEPT_MAX} operations on resources in one call`);
  }
  const operation = withVolumesOf(asked, total);
  const fault = conversionFault(operation, total, { framework, role }, uses);
  if (fault !== null) return refused(fault);
  const outcome = convert(launching.left, operation, role);
  if (typeof outcome === "string") return refused(outcome);
  const { left, consumed, converted } = outcome;
  if (consumed.length === 0) return [];
  const by = initiator(launching, operation, outcome);
  if (typeof by === "string") return refused(by);
  launching.left = left;
  launching.untouched = without(launching.untouched, consumed);
  launching.total = add(without(total, consumed), converted);
  launching.converted = add(without(launching.converted, consumed), converted);
  return [{ kind: "AgentResourcesConverted", agentId, operation: operation.type, consumed, converted, by }];
}

/** By whom the operation is, and how it is told of the end; or why it cannot be told of one more. */
function initiator(
  launching: Launching,
  { operationId }: Conversion,
  { consumed, converted }: Outcome,
): EventOf<"AgentResourcesConverted">["by"] | string {
  const { state, framework, role, now } = launching;
  const frameworkId = framework.id;
  if (operationId === null) return { frameworkId, operationId };
  const fault = feedbackFault(state, framework, launching.told + 1);
  if (fault !== null) return fault;
  if (packedBytesAtMost([operationId, consumed, converted]) > OPERATION_BYTES_MAX) {
    return `An operation with an id is described in at most ${OPERATION_BYTES_MAX} bytes`;
  }
  // At least one event of this entry comes before it, and each later operation comes with one more.
  const number = state.eventCount + launching.told++;
  return { frameworkId, operationId, feedback: { number, role, ...firstRetry(now) } };
}

/** What makes all tasks of a LAUNCH invalid (trap 15, corrections to trap 14). */
function launchFault(operation: Extract<Operation, { kind: "launch" }>): string | null {
  if (operation.operationId !== null) return "A LAUNCH operation must not have an id";
  return operation.tasks.find((task) => task.poisonsOperation)?.invalid ?? null;
}

function operationError(framework: Framework, operation: Operation, message: string): readonly Event[] {
  const { operationId } = operation;
  const launches =
    operation.kind === "launch" || (operation.kind === "unsupported" && operation.type === "LAUNCH_GROUP");
  if (operationId === null || launches) return [];
  const cut = message.slice(0, MESSAGE_CHARACTERS_MAX);
  return [{ kind: "OperationRefused", frameworkId: framework.id, operationId, message: cut }];
}

function taskError(
  framework: Framework,
  task: Pick<TaskSpec, "taskId" | "agentId">,
  message: string,
  now: Millis,
  reason: MasterReason = "TASK_INVALID",
): Event {
  const status = masterStatus({ ...whose(task), state: "TASK_ERROR", reason, message }, now);
  return { kind: "TaskRefused", frameworkId: framework.id, ...whose(task), status };
}

function whose({ taskId, agentId }: Pick<TaskSpec, "taskId" | "agentId">) {
  return { taskId, agentId };
}

// From what the cluster tells a framework to the event on its stream.
import type { MasterInfo, OperationStatus, SchedulerEvent } from "../../contract/types.ts";
import type { FrameworkId } from "../../kernel/ids.ts";
import type { FrameworkEvent } from "../../state/effects.ts";
import { inverseOfferToWire, type OfferForm, offerToWire } from "../convert/offers.ts";
import { statusAfter } from "../convert/statuses.ts";
import { bytesOf } from "../convert/uuids.ts";
import { HEARTBEAT_INTERVAL_MS } from "../limits.ts";

/** @param refined whether the framework has RESERVATION_REFINEMENT */
export function schedulerEvent(
  event: Exclude<FrameworkEvent, { readonly kind: "subscribed" }>,
  refined: boolean,
): SchedulerEvent {
  switch (event.kind) {
    case "offers":
      return { type: "OFFERS", offers: { offers: event.offers.map((view) => offerOf(view, refined)) } };
    case "rescind":
      return { type: "RESCIND", rescind: { offer_id: { value: event.offerId } } };
    case "inverse-offers":
      return {
        type: "INVERSE_OFFERS",
        inverse_offers: { inverse_offers: event.offers.map(inverseOfferToWire) },
      };
    case "rescind-inverse":
      return {
        type: "RESCIND_INVERSE_OFFER",
        rescind_inverse_offer: { inverse_offer_id: { value: event.offerId } },
      };
    case "update":
      return { type: "UPDATE", update: { status: statusAfter(event.status, event.before) } };
    case "message":
      return { type: "MESSAGE", message: { ...executorOf(event), data: event.data } };
    case "failure":
      return { type: "FAILURE", failure: failureOf(event) };
    case "operation-finished":
      return { type: "UPDATE_OPERATION_STATUS", update_operation_status: { status: finished(event) } };
    case "operation-unknown":
      return { type: "UPDATE_OPERATION_STATUS", update_operation_status: { status: unknown(event) } };
    case "operation-error":
      return { type: "UPDATE_OPERATION_STATUS", update_operation_status: { status: operationError(event) } };
  }
}

export function subscribedEvent(frameworkId: FrameworkId, master: MasterInfo): SchedulerEvent {
  return {
    type: "SUBSCRIBED",
    subscribed: {
      framework_id: { value: frameworkId },
      heartbeat_interval_seconds: HEARTBEAT_INTERVAL_MS / 1_000,
      master_info: master,
    },
  };
}

export function errorEvent(message: string): SchedulerEvent {
  return { type: "ERROR", error: { message } };
}

export const HEARTBEAT: SchedulerEvent = { type: "HEARTBEAT" };

type EventOf<Kind extends FrameworkEvent["kind"]> = Extract<FrameworkEvent, { readonly kind: Kind }>;

function offerOf(
  view: EventOf<"offers">["offers"][number],
  refined: boolean,
): ReturnType<typeof offerToWire> {
  const { multiRole, unavailability } = view;
  const form: OfferForm = { format: refined ? "refined" : "plain", multiRole, unavailability };
  return offerToWire(view.offer, view.agent, view.executorIds, form);
}

function executorOf({ agentId, executorId }: EventOf<"message">): {
  readonly agent_id: { readonly value: string };
  readonly executor_id: { readonly value: string };
} {
  return { agent_id: { value: agentId }, executor_id: { value: executorId } };
}

function failureOf({
  agentId,
  executorId,
  waitStatus,
}: EventOf<"failure">): NonNullable<SchedulerEvent["failure"]> {
  return {
    agent_id: { value: agentId },
    ...(executorId === null ? {} : { executor_id: { value: executorId } }),
    ...(waitStatus === null ? {} : { status: waitStatus }),
  };
}

/** Without a uuid there is nothing to acknowledge. */
function finished({ operationId, agentId, uuid }: EventOf<"operation-finished">): OperationStatus {
  return {
    operation_id: { value: operationId },
    state: "OPERATION_FINISHED",
    ...(uuid === null ? {} : { uuid: { value: bytesOf(uuid) } }),
    agent_id: { value: agentId },
  };
}

function unknown({ operationId, agentId, state, message }: EventOf<"operation-unknown">): OperationStatus {
  return {
    operation_id: { value: operationId },
    state,
    message,
    ...(agentId === null ? {} : { agent_id: { value: agentId } }),
  };
}

function operationError({ operationId, message }: EventOf<"operation-error">): OperationStatus {
  return { operation_id: { value: operationId }, state: "OPERATION_ERROR", message };
}

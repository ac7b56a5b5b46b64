// What a simulated framework reserves and gives back by operations with ids: each reservation is of 1 MB of disk with a
// label of its own. What it was told to be finished is checked against the cluster at the end.
import type {
  Offer,
  OfferOperation,
  OperationStatus,
  Resource,
  SchedulerCall,
} from "../src/contract/types.ts";
import { asId } from "../src/kernel/ids.ts";
import type { Random } from "../src/kernel/ports.ts";
import { chance, pick } from "../src/kernel/random.ts";
import { totalOf } from "../src/state/agent-resources.ts";
import type { ClusterState } from "../src/state/model.ts";
import { type Check, checkOf } from "./checkers/check.ts";

const check: Check = checkOf("operations");
const MEGABYTE_MILLIS = 1_000;
const UNDO = "-undo";

/** By label, as it is kept in the framework's database; what is asked for is in it before the call leaves. */
export interface OwnReservation {
  readonly label: string;
  readonly agentId: string;
  isReserved: boolean;
  undoAsked: boolean;
  isUndone: boolean;
}

export type OwnReservations = Map<string, OwnReservation>;

/** What it asks for beside tasks in an ACCEPT of the offer. @param rate 0 to 1 */
export function ownOperations(
  random: Random,
  own: OwnReservations,
  offer: Offer,
  facts: { readonly name: string; readonly role: string; readonly rate: number },
): readonly OfferOperation[] {
  if (!chance(random, facts.rate)) return [];
  const mine = (offer.resources ?? []).filter((resource) => own.has(labelOf(resource)));
  return mine.length > 0 && chance(random, 1 / 2)
    ? [undo(own, pick(random, mine))]
    : [reserve(random, own, offer, facts)];
}

/** The acknowledgement that the status asks for; null if none. */
export function operationTold(own: OwnReservations, status: OperationStatus): SchedulerCall | null {
  const { operation_id, state, uuid, agent_id } = status;
  if (operation_id === undefined) return null;
  const id = operation_id.value;
  const known = own.get(id.endsWith(UNDO) ? id.slice(0, -UNDO.length) : id);
  if (known !== undefined && state === "OPERATION_FINISHED") {
    if (id.endsWith(UNDO)) known.isUndone = true;
    else known.isReserved = true;
  }
  if (uuid === undefined || agent_id === undefined) return null;
  const acknowledge_operation_status = { agent_id, operation_id, uuid: uuid.value };
  return { type: "ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status };
}

/** @param state of a cluster at rest. What was on an agent that is forgotten is forgotten with it. */
export function checkOwnReservations(state: ClusterState, own: OwnReservations): void {
  for (const reservation of own.values()) {
    const { label, agentId, isReserved, undoAsked, isUndone } = reservation;
    const agent = state.agents.get(asId(agentId));
    if (agent === undefined) continue;
    const found = totalOf(agent).filter(({ meta }) => meta.includes(`"${label}"`));
    const millis = found.map(({ value }) => (value.kind === "scalar" ? value.millis : 0));
    const facts = () => ({ ...reservation, millis });
    const isOnce = millis.length === 0 || millis.join() === String(MEGABYTE_MILLIS);
    check(isOnce, "what a framework has reserved is there twice, or in part", facts);
    if (isUndone) check(millis.length === 0, "what a framework has unreserved is still reserved", facts);
    else if (isReserved && !undoAsked)
      check(millis.length === 1, "what a framework has reserved is lost", facts);
  }
}

function reserve(
  random: Random,
  own: OwnReservations,
  offer: Offer,
  { name, role }: { readonly name: string; readonly role: string },
): OfferOperation {
  const label = `${name}-op${own.size}`;
  const agentId = offer.agent_id.value;
  own.set(label, { label, agentId, isReserved: false, undoAsked: false, isUndone: false });
  const labels = { labels: [{ key: "of", value: label }] };
  const reservation = chance(random, 1 / 2)
    ? { role, reservation: { labels } }
    : { reservations: [{ type: "DYNAMIC" as const, role, labels }] };
  const resource = { name: "disk", type: "SCALAR" as const, scalar: { value: 1 }, ...reservation };
  return { type: "RESERVE", id: { value: label }, reserve: { resources: [resource] } };
}

function undo(own: OwnReservations, resource: Resource): OfferOperation {
  const label = labelOf(resource);
  const known = own.get(label);
  if (known !== undefined) known.undoAsked = true;
  return { type: "UNRESERVE", id: { value: label + UNDO }, unreserve: { resources: [resource] } };
}

function labelOf({ reservation, reservations = [] }: Resource): string {
  const labels = reservation?.labels ?? reservations.at(-1)?.labels;
  return labels?.labels?.find(({ key }) => key === "of")?.value ?? "";
}

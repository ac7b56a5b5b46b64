// Calls that make no sense: what a broken or hostile client may send. None of them may change anything or stop a master.
import type { Offer, SchedulerCall } from "../src/contract/types.ts";
import type { Random } from "../src/kernel/ports.ts";
import { below, pick, uuidFrom } from "../src/kernel/random.ts";

/** A call to be sent in the framework's name, or bytes that are no call at all. */
export function nonsense(random: Random, offer: Offer): SchedulerCall | Uint8Array {
  return pick(random, makers)(random, offer);
}

const makers: readonly ((random: Random, offer: Offer) => SchedulerCall | Uint8Array)[] = [
  (random) => Uint8Array.from({ length: below(random, 200) }, () => below(random, 256)),
  () => ({ type: "ACCEPT" }),
  () => ({ type: "UNKNOWN" }),
  (random) => accept([{ value: uuidFrom(random) }], []),
  () => accept([], []),
  (_random, offer) => accept([{ value: `${offer.id.value}9999999` }], [task(offer, "x", 1)]),
  (random) => ({
    type: "KILL",
    kill: { task_id: { value: uuidFrom(random) }, agent_id: { value: "no-such-agent" } },
  }),
  (random, offer) => ({
    type: "ACKNOWLEDGE",
    acknowledge: {
      agent_id: offer.agent_id,
      task_id: { value: uuidFrom(random) },
      uuid: Uint8Array.from({ length: pick(random, [0, 3, 16, 40]) }, () => below(random, 256)),
    },
  }),
  (random) => ({
    type: "RECONCILE",
    reconcile: {
      tasks: Array.from({ length: below(random, 50) }, () => ({ task_id: { value: uuidFrom(random) } })),
    },
  }),
  () => ({ type: "REVIVE", revive: { roles: ["no/such/role", "*"] } }),
  (_random, offer) => ({
    type: "MESSAGE",
    message: {
      agent_id: offer.agent_id,
      executor_id: { value: "../../etc" },
      data: new Uint8Array(100),
    },
  }),
  (_random, offer) => ({
    type: "SHUTDOWN",
    shutdown: { agent_id: offer.agent_id, executor_id: { value: "nobody" } },
  }),
];

function task(offer: Offer, id: string, cpus: number) {
  return {
    name: id,
    task_id: { value: id },
    agent_id: offer.agent_id,
    resources: [{ name: "cpus", type: "SCALAR" as const, scalar: { value: cpus } }],
    command: { value: "true" },
  };
}

function accept(
  offer_ids: readonly { readonly value: string }[],
  tasks: readonly ReturnType<typeof task>[],
): SchedulerCall {
  const operations = [{ type: "LAUNCH" as const, launch: { task_infos: tasks } }];
  return { type: "ACCEPT", accept: { offer_ids, operations } };
}

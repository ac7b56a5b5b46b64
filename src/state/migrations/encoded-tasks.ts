// 2 to 3: the TaskInfo of a task without an executor is carried as it came, encoded, and tasks that are launched together
// stand together in the log. Tasks of older logs keep the messages that they have. The allocator knows what is reserved,
// and the state what the operator has set about offers: of older logs that is taken to be as by default. No
// operation is told of until it is acknowledged.
import { DEFAULT_POLICY } from "../policy.ts";
import type { Migration } from "./migration.ts";
import { isObject, marked, withMarkedDigests } from "./old-digests.ts";
import { withReservations } from "./reservations.ts";

export const encodedTasks: Migration = {
  from: 2,
  reason: "a command task's TaskInfo is encoded; digests on record are of a snapshot of the format before",
  event: (event) => (isObject(event) && event.kind === "DigestRecorded" ? marked(event, 2) : event),
  state: (state) => {
    const lifted = withMarkedDigests(state, 2);
    if (!isObject(lifted) || !isObject(lifted.allocator)) return lifted;
    return {
      ...lifted,
      policy: DEFAULT_POLICY,
      operations: new Map(),
      allocator: withReservations(lifted.allocator, lifted.frameworks),
    };
  },
};

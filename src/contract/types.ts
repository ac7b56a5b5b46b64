// The messages of the Mesos v1 APIs as TypeScript types: snake_case fields as in Mesos' JSON, enums as their names,
// bytes as Uint8Array, 64-bit integers as numbers but for `nanoseconds`, which is a bigint. Those of mesos.v1 have their
// own names, nested ones joined (`OfferOperationLaunch`); those of the packages scheduler, executor, master, agent and
// maintenance start with the package's (`SchedulerCall`). All come from the .proto files beside this one.
export type * from "./generated/messages.ts";
/** Number of every value of every enum: `enumNumbers.TaskState.TASK_RUNNING`; the keys are the values' names. */
export { enumNumbers } from "./generated/schema.ts";

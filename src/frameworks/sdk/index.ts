// `tepui/sdk`: what a framework author needs.
export type {
  FrameworkInfo,
  KillPolicy,
  Offer,
  OfferOperation,
  Resource,
  SchedulerCall,
  SchedulerEvent,
  TaskInfo,
  TaskState,
  TaskStatus,
} from "../../contract/types.ts";
export { FrameworkError, type FrameworkErrorCode } from "./errors.ts";
export { Framework, type FrameworkEvents, type FrameworkOptions } from "./framework.ts";
export {
  isOver,
  type RunTasksOptions,
  runTasks,
  type SandboxAddress,
  type TaskOutcome,
  type TaskRequest,
  taskInfo,
} from "./run-tasks.ts";
export { readSandboxFile } from "./sandbox.ts";
export type { OfferConstraint, OfferConstraintSubject, OfferConstraintTest, OfferWishes } from "./wishes.ts";

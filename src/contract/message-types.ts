// The handles that the codecs take: `decodeJson(messageTypes.SchedulerCall, text)`.
import type { MessageShapes } from "./generated/messages.ts";
import { enumNumbers, messageRows } from "./generated/schema.ts";
import { linkSchema, type MessageType } from "./schema.ts";

export type MessageTypes = { readonly [Name in keyof MessageShapes]: MessageType<MessageShapes[Name]> };

/** The lists of answers that Mesos puts together by hand, and so writes in JSON whether or not there is anything in them. */
const LISTED_WHEN_EMPTY: ReadonlySet<string> = new Set([
  "AgentResponseGetExecutors.completed_executors",
  "AgentResponseGetExecutors.executors",
  "AgentResponseGetFrameworks.completed_frameworks",
  "AgentResponseGetFrameworks.frameworks",
  "AgentResponseGetTasks.completed_tasks",
  "AgentResponseGetTasks.launched_tasks",
  "AgentResponseGetTasks.pending_tasks",
  "AgentResponseGetTasks.queued_tasks",
  "AgentResponseGetTasks.terminated_tasks",
  "MasterResponseGetAgents.agents",
  "MasterResponseGetAgents.recovered_agents",
  "MasterResponseGetExecutors.executors",
  "MasterResponseGetFrameworks.completed_frameworks",
  "MasterResponseGetFrameworks.frameworks",
  "MasterResponseGetTasks.completed_tasks",
  "MasterResponseGetTasks.tasks",
  "MasterResponseGetTasks.unreachable_tasks",
]);

/** Every message of the contract, under the name of its type. */
export const messageTypes = linkSchema(messageRows, enumNumbers, LISTED_WHEN_EMPTY) as MessageTypes;

// What the lab's job is told, and what it tells at its end.
import type { TaskStatus } from "../../src/frameworks/sdk/index.ts";

export interface JobPlan {
  /** `host:port` of every master's API. */
  readonly masters: readonly string[];
  /** Folder in which each task leaves a line. */
  readonly ledger: string;
}

export interface JobReport {
  readonly launched: readonly string[];
  /** By task, in the order of arrival. */
  readonly statuses: readonly (readonly [string, readonly TaskStatus[]])[];
  /** Of every task of the batches, in its last attempt. */
  readonly outcomes: readonly { readonly id: string; readonly state: string }[];
  readonly errors: readonly string[];
}

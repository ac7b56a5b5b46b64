// Makes a runtime from values that fit on a command line, so that a child process can make the same one.
import type { Runtime, RuntimeName } from "../../../src/agents/runtime.ts";
import { createContainerdRuntime } from "../../../src/agents/runtimes/containerd/containerd-runtime.ts";
import { createProcessRuntime } from "../../../src/agents/runtimes/process/process-runtime.ts";
import { silentTracer } from "../../../src/kernel/ports.ts";
import { realClock } from "./support.ts";

export interface RuntimePlan {
  readonly name: RuntimeName;
  readonly directory: string;
  /** Socket of the containerd; empty for the process runtime. */
  readonly address: string;
}

export function makeRuntime(plan: RuntimePlan): Runtime {
  const common = { directory: plan.directory, tracer: silentTracer, clock: realClock };
  return plan.name === "process"
    ? createProcessRuntime(common)
    : createContainerdRuntime({ ...common, address: plan.address });
}

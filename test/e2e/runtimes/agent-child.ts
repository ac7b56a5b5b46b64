// An agent process to be killed: launches the containers that it is given, prints their process ids, and waits for its end.
// Usage: node agent-child.ts <plan as JSON> <specs as JSON>
import type { ContainerSpec } from "../../../src/agents/runtime.ts";
import { makeRuntime, type RuntimePlan } from "./make-runtime.ts";

const plan = JSON.parse(process.argv[2] ?? "") as RuntimePlan;
const specs = JSON.parse(process.argv[3] ?? "") as ContainerSpec[];
const runtime = makeRuntime(plan);
await runtime.start(() => undefined);
const pids: number[] = [];
for (const spec of specs) pids.push((await runtime.launch(spec)).pid);
process.stdout.write(JSON.stringify(pids));
setInterval(() => undefined, 60_000);

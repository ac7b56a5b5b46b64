// An agent process to be killed: launches the containers that it is given, says so, and waits for its end.
// Usage: node agent-child.ts <plan as JSON> <specs as JSON>
import type { ContainerSpec } from "../../../src/agents/runtime.ts";
import { makeRuntime, type RuntimePlan } from "./make-runtime.ts";

const plan = JSON.parse(process.argv[2] ?? "") as RuntimePlan;
const specs = JSON.parse(process.argv[3] ?? "") as ContainerSpec[];
const runtime = makeRuntime(plan);
await runtime.start(() => undefined);
for (const spec of specs) await runtime.launch(spec);
process.stdout.write("launched\n");
setInterval(() => undefined, 60_000);

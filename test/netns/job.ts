// A framework that runs short tasks one batch after the other until it is told to stop, as a process of its own; tells
// what it launched and every status that it got.
import { Framework, runTasks } from "../../src/frameworks/sdk/index.ts";
import { collectStatuses, recordRun } from "../support/task-ledger.ts";
import type { JobPlan, JobReport } from "./job-report.ts";

const BATCH = 6;
const FAILING_EVERY = 3;
const FAILING_CODE = 3;

const plan = JSON.parse(process.argv[2] ?? "") as JobPlan;
const framework = new Framework({ masters: plan.masters, name: "job", failoverTimeoutSeconds: 3_600 });
const statuses = collectStatuses(framework);
const launched = new Set<string>();
const errors: string[] = [];
const outcomes: { id: string; state: string }[] = [];
let stopped = false;

process.on("message", () => {
  stopped = true;
});
process.on("disconnect", () => process.exit(1));
framework.on("error", (error) => void errors.push(error.message));

await framework.start();
for (let batch = 1; !stopped; batch++) {
  const requests = Array.from({ length: BATCH }, (_, i) => {
    const fails = i % FAILING_EVERY === 0;
    return {
      id: `${fails ? "bad" : "good"}-${batch}-${i}`,
      cpus: 0.5,
      mem: 16,
      command: `${recordRun(plan.ledger)}; sleep 0.2; exit ${fails ? FAILING_CODE : 0}`,
    };
  });
  const done = await runTasks(framework, requests, {
    attemptsMax: 3,
    onLaunch: (taskId) => void launched.add(taskId),
  });
  outcomes.push(...done.map(({ request, status }) => ({ id: request.id, state: status.state })));
}
const report: JobReport = {
  launched: [...launched],
  statuses: [...statuses],
  outcomes,
  errors,
};
await framework.stop();
process.send?.(report, () => process.exit(0));

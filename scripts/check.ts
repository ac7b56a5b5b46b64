// `npm run check`: format, types, lint, import arrows, dead code, tests.
import { staticChecks } from "./checks.ts";
import { runSteps } from "./steps.ts";

runSteps([...staticChecks, { name: "tests", words: ["scripts/test.ts", ...process.argv.slice(2)] }]);

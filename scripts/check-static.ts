// The checks without the tests, for the gate, which has run the tests already.
import { staticChecks } from "./checks.ts";
import { runSteps } from "./steps.ts";

runSteps(staticChecks);

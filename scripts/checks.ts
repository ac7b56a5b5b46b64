// What `npm run check` and `npm test` look at before they run tests.
import type { Step } from "./steps.ts";

export const staticChecks: readonly Step[] = [
  { name: "format and lint", words: ["biome", "check", "--error-on-warnings", "."] },
  { name: "types", words: ["tsc", "-p", "tsconfig.json"] },
  { name: "types of the pure core, without Node's", words: ["tsc", "-p", "tsconfig.pure.json"] },
  { name: "import arrows", words: ["depcruise", "src", "simulations"] },
  { name: "dead code", words: ["knip"] },
];

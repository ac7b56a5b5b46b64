// The api: what the composition root and the simulator use of it.
export { createApi } from "./api.ts";
export { parseWeights } from "./operator/weights.ts";
export type { Api, ApiLimits } from "./types.ts";

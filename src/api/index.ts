// The api: what the composition root and the simulator use of it.
export { createApi } from "./api.ts";
export type { Api, ApiLimits } from "./types.ts";

// The api: what the composition root and the simulator use of it.
export { createApi } from "./api.ts";
export type { MasterStatusView } from "./status.ts";
export type { Advertised, Api, ApiLimits, ApiOptions } from "./types.ts";

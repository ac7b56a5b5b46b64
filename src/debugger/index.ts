// Time travel over a log: replay, inspection, and events in words.
export { describeEvent } from "./describe.ts";
export * from "./replay.ts";

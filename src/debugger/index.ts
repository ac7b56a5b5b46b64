// Time travel over a log: replay, inspection, and events in words.
export { describeEvent } from "./describe.ts";
export * from "./replay.ts";
export { mean, type Row } from "./whatif/figures.ts";
export { sharesSvg } from "./whatif/svg.ts";
export { type OtherPolicy, type Progress, type WhatifReport, whatif } from "./whatif/whatif.ts";

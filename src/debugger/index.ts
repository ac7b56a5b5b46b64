// Time travel over a log: replay, inspection, and events in words.
export { describeEvent, settingsText } from "./describe.ts";
export * from "./replay.ts";
export { mean, type Row } from "./whatif/figures.ts";
export type { OfferHolder } from "./whatif/offers-that-differ.ts";
export { sharesSvg } from "./whatif/svg.ts";
export { type OtherPolicy, type Progress, type WhatifReport, whatif } from "./whatif/whatif.ts";

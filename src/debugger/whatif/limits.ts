// Every bound of `tepui whatif`, in one place.

/** Events of the log that are re-run: they are held in memory, and run three times. */
export const EVENTS_MAX = 5_000_000;

/** Equally spaced moments at which shares are read: averages and plots are made of these. */
export const SAMPLES_COUNT = 400;

/** Waiting tasks, the oldest first, that are tried on one offer. */
export const TASKS_TRIED_PER_OFFER_MAX = 1_000;

/** Refusals of a framework's role that are looked back on to find since when a task was wanted. */
export const REFUSALS_REMEMBERED_MAX = 64;

/** A framework that answered no offer and held one at least so long is taken to hold every offer. */
export const HOLDS_OFFERS_AFTER_MS = 10_000;

/** Filter of a framework that refused nothing in the recording: Mesos' default. */
export const DEFAULT_REFUSE_MS = 5_000;

/** Events, or moments of the simulation, between two reports of progress. */
export const STEPS_PER_REPORT = 2_000;

/** After so many cycles in a row in which every offer was refused and nothing else happened, cycles come seldom. */
export const FRUITLESS_CYCLES_MAX = 20;

/** Between such cycles: a framework that refuses without a filter would be offered the same for ever. */
export const IDLE_INTERVAL_MS = 60_000;

/** Offers of a run, the first ones, that are compared with those of another. */
export const OFFERS_COMPARED_MAX = 500_000;

/** Offers that differ, the first ones, that a report lists. */
export const DIFFERENCES_LISTED_MAX = 100;

// How much a cycle has done, counted in steps and never in time, so that where it is cut follows from the state alone.

/** In the unit of WORK_PER_SLICE_MAX. */
export class Work {
  done = 0;
}

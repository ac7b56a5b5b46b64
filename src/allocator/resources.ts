// What agents offer and tasks use: scalars in whole thousandths, ranges, sets (RV01, trap 38). Arithmetic is exact and
// never makes a float; conversion from and to the wire belongs to the api.

/** Both ends included, as Mesos writes ranges. */
export interface Range {
  readonly begin: number;
  readonly end: number;
}

export type ResourceValue =
  /** Thousandths of the unit: of a CPU, of a megabyte, of a GPU. Whole and not negative. */
  | { readonly kind: "scalar"; readonly millis: number }
  /** Sorted, disjoint, not adjacent. */
  | { readonly kind: "ranges"; readonly ranges: readonly Range[] }
  /** Sorted by code units, without repetition. */
  | { readonly kind: "set"; readonly items: readonly string[] };

export interface Resource {
  /** `cpus`, `mem`, `disk`, `ports`, `gpus`, or a name of the operator's. */
  readonly name: string;
  /**
   * Everything that keeps two resources of one name apart (reservations, disk, provider, shared, revocable), as
   * canonical text; "" for the plain, unreserved resource. Resources combine only when name and meta are equal.
   */
  readonly meta: string;
  readonly value: ResourceValue;
}

/** Sorted by name, then meta; one element for each pair; no element is empty. Made only by the functions here. */
export type Resources = readonly Resource[];

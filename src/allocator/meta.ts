// What the allocator reads out of a resource's meta: for whom it is reserved, and what a framework must be capable of to
// be offered it. The meta is the JSON of a Resource that has nothing but what keeps it apart (Mesos' names of fields), so
// JSON read and written again is the same text.
import { asId, type RoleName } from "../kernel/ids.ts";
import type { Resources } from "./resources.ts";

export interface MetaFacts {
  /** The role of the innermost reservation: it and the roles below it may have the resource (AL04). */
  readonly reservedTo: RoleName | null;
  /** Reserved more than once (RV06): for frameworks with RESERVATION_REFINEMENT alone (trap 26). */
  readonly refined: boolean;
  readonly revocable: boolean;
  readonly shared: boolean;
}

const PLAIN: MetaFacts = { reservedTo: null, refined: false, revocable: false, shared: false };

/** Of what stands there only what is read is named; the rest is carried. */
export interface Meta {
  readonly name?: string;
  readonly type?: string;
  /** The innermost is the last. */
  readonly reservations?: readonly Reservation[];
  readonly disk?: Disk;
  readonly revocable?: unknown;
  readonly shared?: unknown;
}

export interface Reservation {
  readonly type?: string;
  readonly role: string;
  readonly principal?: string;
  readonly labels?: { readonly labels?: readonly { readonly key: string; readonly value?: string }[] };
}

export interface Disk {
  readonly persistence?: { readonly id: string; readonly principal?: string };
  readonly volume?: { readonly container_path: string; readonly host_path?: string; readonly mode?: string };
  readonly source?: {
    readonly type?: string;
    readonly path?: { readonly root?: string };
    readonly mount?: { readonly root?: string };
  };
}

const EMPTY: Meta = Object.freeze({});

export function metaOf(meta: string): Meta {
  return meta === "" ? EMPTY : (JSON.parse(meta) as Meta);
}

/** The text of a meta whose fields stand in the order in which they were read. */
export function metaText(meta: Meta): string {
  const { name: _name, type: _type, ...rest } = meta;
  return Object.keys(rest).length === 0 ? "" : JSON.stringify(meta);
}

export function factsOf(meta: string): MetaFacts {
  if (meta === "") return PLAIN;
  const { reservations = [], revocable, shared } = metaOf(meta);
  const innermost = reservations.at(-1);
  return {
    reservedTo: innermost === undefined ? null : asId<RoleName>(innermost.role),
    refined: reservations.length > 1,
    revocable: revocable !== undefined,
    shared: shared !== undefined,
  };
}

/** Remembers what it has read: for as long as one cycle, in which the same metas come again and again. */
export class MetaReader {
  readonly #known: Map<string, MetaFacts> = new Map();

  factsOf(meta: string): MetaFacts {
    if (meta === "") return PLAIN;
    const known = this.#known.get(meta);
    if (known !== undefined) return known;
    const facts = factsOf(meta);
    this.#known.set(meta, facts);
    return facts;
  }
}

/** Whether all of it is unreserved, not revocable and of no kind of its own. */
export function isPlain(resources: Resources): boolean {
  return resources.every(({ meta }) => meta === "");
}

/** Whether the role is that one or below it. */
export function isWithin(role: RoleName, above: RoleName): boolean {
  return role === above || (role.length > above.length && role.startsWith(`${above}/`));
}

/** What counts against quotas: neither reserved, for that counts anyhow, nor revocable (trap 36). */
export function countsAgainstQuota(facts: MetaFacts): boolean {
  return facts.reservedTo === null && !facts.revocable;
}

// One step from a format version to the next.

export interface Migration {
  /** The version that it reads; it makes the next one. */
  readonly from: number;
  /** For people: what changed. */
  readonly reason: string;
  /** One event, as unpacked: its fields as that version had them. */
  event(event: unknown): unknown;
  /** A whole state, as unpacked. */
  state(state: unknown): unknown;
}

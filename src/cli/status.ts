// The answer to GET /tepui/v1/status, as far as the commands read it.

export interface MasterStatus {
  readonly self: string;
  readonly role: string;
  readonly term: number;
  readonly leader: { readonly id: string; readonly apiAddress: string | null } | null;
  readonly ready: boolean;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  readonly events: number;
  /** Of the group of masters; null while that master knows of none. */
  readonly groupId: string | null;
  /** Of that master's log. Absent from masters of old. */
  readonly archive?:
    | { readonly kind: "working" }
    | { readonly kind: "failing"; readonly why: string; readonly sinceMs: number; readonly tries: number }
    | null;
  readonly members: readonly {
    readonly id: string;
    readonly apiAddress: string;
    readonly kind: "voter" | "leaving" | "learner";
  }[];
}

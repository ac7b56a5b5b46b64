// What a client of the lab is told, and what it tells.
import type { FlagsInput, RegisterInput } from "../../simulations/checkers/linearizability-models.ts";
import type { History } from "../../simulations/history.ts";

export interface ClientPlan {
  readonly name: string;
  readonly seed: number;
  /** `host:port` of every master's API. */
  readonly masters: readonly string[];
  /** Framework ids. */
  readonly registers: readonly string[];
}

export type ClientRegisterInput = RegisterInput<string | number | null>;
export type RegisterHistory = History<ClientRegisterInput, string | number | null>;
export type FlagHistory = History<FlagsInput, readonly string[] | null>;

/** What the client sends. */
export type ClientReport =
  /** Sent now and then. */
  | { readonly kind: "progress"; readonly answered: number }
  | {
      readonly kind: "end";
      readonly registers: ReturnType<RegisterHistory["operations"]>;
      readonly flags: ReturnType<FlagHistory["operations"]>;
      /** Answers that no order could explain. */
      readonly problems: readonly string[];
    };

/** Names of frameworks that are flags. */
export const FLAG_PREFIX = "flag-";
export const FLAGS_KEY = "frameworks";

// A cluster that makes optimistic offers, and after each of its allocation cycles looks whether property NS-1 holds, by the
// simulator's account of who waits and for whom something is unused.
import { couldHaveSomething, hasOffer, WaitingList } from "../../../simulations/checkers/no-starvation.ts";
import type { Command, Settings } from "../../../src/state/commands.ts";
import type { Policy } from "../../../src/state/policy.ts";
import { Cluster } from "./cluster.ts";

export class PatientCluster extends Cluster {
  readonly afterMs: number;
  /** How often somebody had waited for long enough and was offered something for that. */
  served = 0;
  readonly #list = new WaitingList();

  constructor(afterMs: number) {
    super();
    this.afterMs = afterMs;
    this.setPolicy({});
  }

  override setPolicy(policy: Partial<Policy>): void {
    super.setPolicy({ ...policy, optimisticAfterMs: this.afterMs });
  }

  override part(command: Command, over: Partial<Settings> = {}): ReturnType<Cluster["part"]> {
    if (!(#list in this)) return super.part(command, over);
    const patient = this.#list.clients.filter(({ since }) => since + this.afterMs <= this.now);
    const due = patient.filter((client) => couldHaveSomething(this.state, client, this.now));
    const result = super.part(command, over);
    this.#list.note(this.state, this.now);
    if (command.kind !== "allocate") return result;
    for (const client of due) {
      if (hasOffer(this.state, client)) this.served++;
      else if (couldHaveSomething(this.state, client, this.now)) {
        throw new Error(`starved at ${this.now}: ${JSON.stringify(client)}`);
      }
    }
    return result;
  }
}

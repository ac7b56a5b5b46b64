// Whoever runs the simulated cluster: hands leadership over, and replaces members by new machines as the manual says,
// step by step, through crashes and changes of leader.
import type { MemberId } from "../src/kernel/ids.ts";
import type { Random } from "../src/kernel/ports.ts";
import { between, chance, pick } from "../src/kernel/random.ts";
import type { Master, MasterStatus } from "../src/master/types.ts";
import type { EventLoop, Life } from "./event-loop.ts";
import type { MasterMachine } from "./machines.ts";
import { AGENT_PORT } from "./master-edge.ts";
import type { Range } from "./sim-disk.ts";
import type { Trace } from "./trace.ts";

/** Between two looks at a replacement. */
const LOOK_MS: Range = { low: 100, high: 1_000 };
const RAFT_PORT = 5070;

export interface OperatorParts {
  readonly loop: EventLoop;
  readonly random: Random;
  readonly trace: Trace;
  readonly masters: readonly MasterMachine[];
}

interface Replacement {
  readonly machine: MasterMachine;
  step: "removing" | "adding";
  /** A change was asked for and not answered yet. */
  isAsking: boolean;
  /** Seen without the member: it counts when this leader of this term has committed up to that index. */
  seenWithout: { readonly leader: string; readonly term: number; readonly lastIndex: number } | null;
}

export class Operator {
  readonly #parts: OperatorParts;
  readonly #life: Life = { name: "operator", alive: true };
  #replacement: Replacement | null = null;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
  }

  /** From the removal of a member until the machine that takes its place votes. */
  isReplacing(): boolean {
    return this.#replacement !== null;
  }

  /** What is missing until the cluster is whole; null if nothing is. */
  whyNotDone(): string | null {
    const { machine, step } = this.#replacement ?? {};
    return machine === undefined ? null : `${machine.name} is being replaced: ${step}`;
  }

  transfer(): void {
    const { masters, random, trace } = this.#parts;
    const to = chance(random, 1 / 2) ? null : pick(random, masters).name;
    trace.line("operator", `transfers leadership to ${to ?? "anybody"}`);
    void this.#leader()?.transferLeadership(to as MemberId | null);
  }

  /** Begins, if every member is whole and there is nothing else under way. */
  replaceOne(): void {
    const { masters, random } = this.#parts;
    const isWhole = masters.every(({ damage }) => damage === "none");
    if (masters.length < 3 || this.#replacement !== null || !isWhole) return;
    const machine = pick(random, masters);
    this.#replacement = { machine, step: "removing", isAsking: false, seenWithout: null };
    this.#look(this.#replacement);
  }

  #look(replacement: Replacement): void {
    if (this.#replacement !== replacement) return;
    this.#next(replacement);
    const { loop, random } = this.#parts;
    loop.schedule(between(random, LOOK_MS.low, LOOK_MS.high) * 1_000, this.#life, () =>
      this.#look(replacement),
    );
  }

  #next(replacement: Replacement): void {
    const leader = this.#leader();
    if (leader === null) return;
    const { machine, step } = replacement;
    const kind = leader.members().find(({ id }) => id === machine.name)?.kind ?? "none";
    if (step === "removing") this.#remove(replacement, leader, kind);
    else this.#add(replacement, leader, kind);
  }

  #remove(replacement: Replacement, leader: Master, kind: string): void {
    const { machine } = replacement;
    const id = machine.name as MemberId;
    if (kind !== "none") {
      replacement.seenWithout = null;
      this.#ask(replacement, leader, { kind: "remove", id });
      return;
    }
    const { self, term, lastIndex, commitIndex } = leader.status();
    const seen = replacement.seenWithout;
    if (seen?.leader !== self || seen.term !== term) {
      replacement.seenWithout = { leader: self, term, lastIndex };
    } else if (commitIndex >= seen.lastIndex) {
      replacement.step = "adding";
      machine.replace();
    }
  }

  #add(replacement: Replacement, leader: Master, kind: string): void {
    const { machine } = replacement;
    const id = machine.name as MemberId;
    const contact = { raftAddress: `${id}:${RAFT_PORT}`, apiAddress: `${id}:${AGENT_PORT}` };
    if (kind === "none") this.#ask(replacement, leader, { kind: "add-learner", id, contact });
    else if (kind === "learner") this.#ask(replacement, leader, { kind: "promote", id });
    else if (kind === "voter" && isSettled(leader.status())) this.#done(machine);
  }

  #done(machine: MasterMachine): void {
    this.#parts.trace.line("operator", `${machine.name} is a member again`);
    machine.joining = false;
    this.#replacement = null;
  }

  #ask(replacement: Replacement, leader: Master, change: Parameters<Master["changeMembers"]>[0]): void {
    if (replacement.isAsking) return;
    replacement.isAsking = true;
    this.#parts.trace.line("operator", `${change.kind} ${change.id}`);
    const { loop } = this.#parts;
    const done = (): void => {
      replacement.isAsking = false;
    };
    // A leader that has died never answers.
    loop.schedule(ANSWER_MS_MAX * 1_000, this.#life, done);
    void leader.changeMembers(change).then((outcome) => {
      done();
      const text = outcome.kind === "done" ? "done" : outcome.reason;
      this.#parts.trace.line("operator", `${change.kind} ${change.id}: ${text}`);
    });
  }

  /** One that believes to lead: with a cut in the network there may be several. */
  #leader(): Master | null {
    const { masters, random } = this.#parts;
    const leaders = masters.filter(({ master }) => master?.status().ready === true);
    return leaders.length === 0 ? null : pick(random, leaders).master;
  }
}

const ANSWER_MS_MAX = 10_000;

function isSettled({ commitIndex, lastIndex }: MasterStatus): boolean {
  return commitIndex === lastIndex;
}

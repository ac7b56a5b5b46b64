// Clients of the registers: each does one operation at a time on whichever member it believes to lead, and writes down
// what it asked and was told. What is not answered in time may have happened or not, and is left so.
import type { MemberId } from "../../src/kernel/ids.ts";
import type { Random } from "../../src/kernel/ports.ts";
import { below, between, chance, pick } from "../../src/kernel/random.ts";
import type { RegisterInput } from "../checkers/linearizability-models.ts";
import type { EventLoop, Life } from "../event-loop.ts";
import type { History, PendingCall } from "../history.ts";
import type { MemberMachine } from "./member.ts";
import type { ClientOptions } from "./options.ts";
import { encodeWrite } from "./register-machine.ts";

export type RegisterHistory = History<RegisterInput<number>, number | null>;

export interface ClientParts {
  readonly name: string;
  readonly loop: EventLoop;
  readonly random: Random;
  readonly options: ClientOptions;
  readonly members: readonly MemberMachine[];
  readonly history: RegisterHistory;
  /** A number that no other write has. */
  nextValue(): number;
  /** Part of the keys' names: with it they change now and then, so that no key's history grows long. */
  epoch(): number;
}

type Answer =
  | { readonly kind: "done"; readonly value: number | null }
  /** It has not happened and will not happen. */
  | { readonly kind: "refused"; readonly leader: MemberId | null };

interface Asked {
  readonly key: string;
  /** Null for a read. */
  readonly value: number | null;
  readonly call: PendingCall<number | null>;
  open: boolean;
}

/** How often a client asks the member that it believes to lead, and not just any. */
const LOYALTY = 0.8;
const RETRY_MS = { low: 5, high: 60 };

export class RegisterClient {
  /** Writes that were answered. */
  written = 0;
  readonly #parts: ClientParts;
  readonly #life: Life;
  #believed: MemberMachine | null = null;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#life = { name: parts.name, alive: true };
  }

  start(): void {
    const { random, options } = this.#parts;
    this.#after(between(random, options.thinkMs.low, options.thinkMs.high), () => this.#begin());
  }

  stop(): void {
    this.#life.alive = false;
  }

  #begin(): void {
    const { random, options, history, name } = this.#parts;
    const key = `k${below(random, options.keys)}-${this.#parts.epoch()}`;
    const value = chance(random, options.reads) ? null : this.#parts.nextValue();
    const input = value === null ? ({ kind: "read" } as const) : ({ kind: "write", value } as const);
    const asked: Asked = { key, value, call: history.call(name, key, input), open: true };
    this.#after(options.timeoutMs, () => {
      if (!asked.open) return;
      asked.open = false;
      this.#believed = null;
      this.start();
    });
    this.#send(asked);
  }

  #send(asked: Asked): void {
    const { random, members } = this.#parts;
    const machine =
      this.#believed !== null && chance(random, LOYALTY) ? this.#believed : pick(random, members);
    this.#travel(() => this.#arrive(machine, asked));
  }

  /** At the member. What it says goes back at once or later; a dead one says nothing. */
  #arrive(machine: MemberMachine, asked: Asked): void {
    const { process } = machine;
    if (process === null) return;
    const answer = (what: Answer): void => this.#travel(() => this.#settle(machine, asked, what));
    if (asked.value === null) this.#read(process, asked, answer);
    else this.#write(process, asked.key, asked.value, answer);
  }

  #read(
    { node, registers, life }: NonNullable<MemberMachine["process"]>,
    { key }: Asked,
    answer: (what: Answer) => void,
  ): void {
    node.readIndex().then(
      () => life.alive && answer({ kind: "done", value: registers.values.get(key) ?? null }),
      () => life.alive && answer({ kind: "refused", leader: node.status().leader }),
    );
  }

  #write(
    { node, registers, life }: NonNullable<MemberMachine["process"]>,
    key: string,
    value: number,
    answer: (what: Answer) => void,
  ): void {
    const { random, options } = this.#parts;
    const pad = between(random, options.payloadBytes.low, options.payloadBytes.high);
    const result = node.propose(encodeWrite(key, value, pad));
    if (!result.ok) {
      answer({ kind: "refused", leader: result.leader });
      return;
    }
    registers.wait(result.index, {
      term: result.term,
      settle: (applied) => {
        if (!life.alive) return;
        answer(applied ? { kind: "done", value: null } : { kind: "refused", leader: node.status().leader });
      },
    });
  }

  #settle(machine: MemberMachine, asked: Asked, answer: Answer): void {
    if (!asked.open) return;
    if (answer.kind === "done") {
      asked.open = false;
      asked.call.answered(answer.value);
      if (asked.value !== null) this.written += 1;
      this.#believed = machine;
      this.start();
      return;
    }
    const { random, members } = this.#parts;
    this.#believed = members.find(({ id }) => id === answer.leader) ?? null;
    this.#after(between(random, RETRY_MS.low, RETRY_MS.high), () => {
      if (asked.open) this.#send(asked);
    });
  }

  #travel(action: () => void): void {
    const { loop, random, options } = this.#parts;
    loop.schedule(between(random, options.latencyUs.low, options.latencyUs.high), this.#life, action);
  }

  #after(ms: number, action: () => void): void {
    this.#parts.loop.schedule(ms * 1_000, this.#life, action);
  }
}

// The members of a cluster as its leader tells them, and orders to change them. Finds the leader by asking any master,
// and goes on asking while there is none.
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, ask } from "./api-client.ts";
import { leaderOf, type Patience, POLL_MS } from "./leader.ts";

const PATH = "/tepui/v1/members";
/** A change answers when it is committed; a leader that cannot commit steps down long before. */
const CHANGE_TIMEOUT_MS = 60_000;

export interface Member {
  readonly id: string;
  readonly raftAddress: string;
  readonly apiAddress: string;
  readonly kind: "voter" | "leaving" | "learner";
  readonly progress: { readonly match: number; readonly state: string; readonly healing: boolean } | null;
}

export interface MembersView {
  readonly leader: string;
  readonly lastIndex: number;
  readonly groupId: string | null;
  readonly members: readonly Member[];
}

export type Order =
  | {
      readonly kind: "add-learner";
      readonly id: string;
      readonly raftAddress: string;
      readonly apiAddress: string;
    }
  | { readonly kind: "promote" | "remove"; readonly id: string }
  | { readonly kind: "transfer"; readonly id?: string };

export type OrderOutcome =
  | { readonly kind: "done"; readonly answer: unknown }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Asks again when the leader goes before it has answered, and when it is one that was removed and has not yet handed
 * over. @throws Error if no master answers, or none leads in time
 */
export async function membersView(patience: Patience): Promise<MembersView> {
  for (;;) {
    const leader = await leaderOf(patience);
    const answer = await ask(`http://${leader}${PATH}`, "GET", undefined).catch(() => null);
    if (answer?.status === 200) {
      const view = JSON.parse(answer.text) as MembersView;
      if (view.members.some(({ id }) => id === view.leader)) return view;
    }
    if (performance.now() > patience.deadlineMs) {
      throw new Error(
        `the leader answered ${answer === null ? "nothing" : `${answer.status} ${answer.text}`}`,
      );
    }
    await sleep(POLL_MS);
  }
}

/**
 * Waits while another change is under way. @throws Error if nobody leads in time, or if the leader was lost before it
 * answered, so that the order may have been carried out or not
 */
export async function order(wanted: Order, patience: Patience): Promise<OrderOutcome> {
  for (;;) {
    const { status, text } = await said(wanted, await leaderOf(patience));
    if (status === 200) return { kind: "done", answer: JSON.parse(text) };
    const reason = status === 409 || status === 503 ? refusalIn(text) : null;
    if (status === 503 && reason !== null) throw new Error(UNKNOWN_OUTCOME);
    const again = status === 307 || status === 503 || reason === "busy";
    if (reason !== null && !again) return { kind: "refused", reason };
    if (!again) throw new Error(`the leader answered ${status} ${text}`);
    if (performance.now() > patience.deadlineMs) throw new Error(waitedFor(reason));
    await sleep(POLL_MS);
  }
}

const UNKNOWN_OUTCOME =
  "the leader was lost before it could say whether this was done: look with `tepui members list`, then say it again";

async function said(wanted: Order, leader: string): Promise<Answer> {
  try {
    return await ask(`http://${leader}${PATH}`, "POST", JSON.stringify(wanted), CHANGE_TIMEOUT_MS);
  } catch (error) {
    throw new Error(UNKNOWN_OUTCOME, { cause: error });
  }
}

function waitedFor(reason: string | null): string {
  return reason === "busy"
    ? "another change of the members does not come to its end; are a majority of the voters up?"
    : "no master takes the order";
}

function refusalIn(text: string): string | null {
  try {
    const refused = (JSON.parse(text) as { refused?: unknown }).refused;
    return typeof refused === "string" ? refused : null;
  } catch {
    return null;
  }
}

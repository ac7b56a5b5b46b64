// What `tepui quota`, `weights` and `roles` ask of the cluster's leader and tell it, in calls of Mesos' operator API.
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, ask } from "./api-client.ts";
import { mastersSetting } from "./common-settings.ts";
import { leaderOf, type Patience, POLL_MS } from "./leader.ts";
import { type Setting, wholeNumber } from "./settings.ts";

const TIMEOUT_SECONDS = 10;

export const operatorSettings: readonly Setting[] = [
  mastersSetting,
  { flags: "--json", description: "what is shown as JSON" },
  {
    flags: "--timeout <seconds>",
    description: "give up waiting for a leader after so long",
    default: TIMEOUT_SECONDS,
    parse: wholeNumber(1, 1_000_000),
  },
];

export interface OperatorFlags {
  readonly master: readonly string[];
  readonly json?: boolean;
  readonly timeout: number;
}

export function patienceOf({ master, timeout }: OperatorFlags): Patience {
  return { masters: master, deadlineMs: performance.now() + timeout * 1_000 };
}

/** What an endpoint such as `/roles` answers. @throws Error if no master answers, or none leads in time */
export async function leaderJson(path: string, patience: Patience): Promise<unknown> {
  const { status, text } = await answered(patience, (leader) =>
    ask(`http://${leader}${path}`, "GET", undefined),
  );
  if (status === 200) return JSON.parse(text);
  throw new Error(`the leader answered ${status} ${text}`);
}

/** A call that changes nothing. @throws as leaderJson */
export async function operatorView(call: object, patience: Patience): Promise<unknown> {
  const { status, text } = await answered(patience, post(call));
  if (status === 200) return JSON.parse(text);
  throw new Error(`the leader answered ${status} ${text}`);
}

/**
 * A call that changes something. If the leader is lost before it has answered, one that may be said twice is said again;
 * another one may have been carried out or not, which is an error.
 * @param look how to see whether it was done
 * @throws Refused with the master's words, Error if no master answers or none leads in time
 */
export async function operatorOrder(
  call: object,
  patience: Patience,
  { repeatable, look }: { readonly repeatable: boolean; readonly look: string },
): Promise<void> {
  for (;;) {
    const leader = await leaderOf(patience);
    const answer = await post(call)(leader).catch(() => null);
    if (answer?.status === 200 || answer?.status === 202) return;
    if (answer !== null && !isLeaderless(answer)) throw new Refused(answer.text);
    const isUntold = answer?.status !== 307;
    if (isUntold && !repeatable) {
      throw new Error(
        `the leader was lost before it could say whether this was done: look with \`${look}\`, then say it again`,
      );
    }
    if (performance.now() > patience.deadlineMs) throw new Error("no master takes the order");
    await sleep(POLL_MS);
  }
}

/** The leader has understood the call and does not carry it out; the message is its own. */
export class Refused extends Error {}

async function answered(patience: Patience, asked: (leader: string) => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const leader = await leaderOf(patience);
    const answer = await asked(leader).catch(() => null);
    if (answer !== null && !isLeaderless(answer)) return answer;
    if (performance.now() > patience.deadlineMs) throw new Error("the leader does not answer");
    await sleep(POLL_MS);
  }
}

function post(call: object): (leader: string) => Promise<Answer> {
  return (leader) => ask(`http://${leader}/api/v1`, "POST", JSON.stringify(call));
}

/** It leads no more, or could not have its answer confirmed. */
function isLeaderless({ status }: Answer): boolean {
  return status === 307 || status === 503;
}

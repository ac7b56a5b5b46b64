// Which master leads, found by asking any of them; goes on asking while there is none.
import { setTimeout as sleep } from "node:timers/promises";
import { getJson, statusOfAny } from "./api-client.ts";
import type { MasterStatus } from "./status.ts";

export const POLL_MS = 200;

export interface Patience {
  readonly masters: readonly string[];
  /** By `performance.now()`. */
  readonly deadlineMs: number;
}

/** `host:port` of the API of the master that leads. @throws Error if no master answers, or none leads in time */
export async function leaderOf({ masters, deadlineMs }: Patience): Promise<string> {
  for (;;) {
    const some = await statusOfAny(masters);
    const known = new Set([
      some.leader?.apiAddress ?? "",
      ...masters,
      ...some.members.map(({ apiAddress }) => apiAddress),
    ]);
    known.delete("");
    for (const api of known) if (await leads(api)) return api;
    if (performance.now() > deadlineMs) {
      throw new Error(
        "no master leads: a majority of the voters must be up and reach each other (tepui state shows who is)",
      );
    }
    await sleep(POLL_MS);
  }
}

async function leads(api: string): Promise<boolean> {
  try {
    return ((await getJson(`http://${api}/tepui/v1/status`)) as MasterStatus).ready;
  } catch {
    return false;
  }
}

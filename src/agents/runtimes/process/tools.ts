// The system's programs that the shim is made of, found once.

import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { RuntimeFailure } from "../../runtime.ts";
import { type Account, findAccount } from "../accounts.ts";
import { findProgram } from "../programs.ts";

export interface Tools {
  readonly setsid: string;
  readonly env: string;
  /** Absent on systems without util-linux; then tasks cannot have another user than the agent's. */
  readonly setpriv: string | undefined;
}

/** Rejects with a RuntimeFailure if one that every task needs is missing. */
export async function findTools(): Promise<Tools> {
  const find = (name: string) => findProgram(name, undefined, "/", undefined);
  const [shell, setsid, env, setpriv] = await Promise.all([
    find("/bin/sh"),
    find("setsid"),
    find("env"),
    find("setpriv"),
  ]);
  if (shell === undefined || setsid === undefined || env === undefined) {
    throw new RuntimeFailure(
      "unavailable",
      "the process runtime needs /bin/sh, setsid and env: install the packages dash, util-linux and coreutils",
    );
  }
  return { setsid, env, setpriv };
}

export interface Identity {
  readonly account: Account;
  readonly setpriv: string;
}

/** Whom the task is to become; undefined for the agent's own user. Rejects with a RuntimeFailure. */
export async function findIdentity(user: string | undefined, tools: Tools): Promise<Identity | undefined> {
  const own = userInfo();
  if (user === undefined || user === own.username) return undefined;
  const [passwd, group] = await Promise.all([readAccounts("/etc/passwd"), readAccounts("/etc/group")]);
  const account = findAccount(user, passwd, group);
  if (account === undefined) {
    throw new RuntimeFailure("unknown-user", `no user "${user}" in /etc/passwd of this agent`);
  }
  if (account.uid === own.uid) return undefined;
  if (own.uid !== 0) {
    const text = `cannot run as "${user}": the agent runs as "${own.username}", and only root may change users`;
    throw new RuntimeFailure("launch-failed", text);
  }
  if (tools.setpriv === undefined) {
    throw new RuntimeFailure("launch-failed", "changing users needs setpriv: install the package util-linux");
  }
  return { account, setpriv: tools.setpriv };
}

function readAccounts(path: string): Promise<string> {
  return readFile(path, "latin1").catch(() => "");
}

// The shim: a small /bin/sh script per task that outlives the agent. It moves a child into the task's cgroups and a
// session of its own, lets it become the command, waits, and leaves the exit code in a file. The shim itself stays
// outside the cgroups (the task's memory limit must not hit it) and keeps the agent's user (the task cannot end it).
import type { Account } from "../accounts.ts";

export interface ShimOptions {
  /** The task's bookkeeping folder; the script writes `started` and `exit` there. */
  readonly folder: string;
  readonly cgroups: readonly string[];
  /** Absolute path of setsid(1). */
  readonly setsid: string;
  /** Absolute path of setpriv(1) and whom to become; absent: the agent's own user. */
  readonly become?: { readonly setpriv: string; readonly account: Account };
  /** Absolute path of env(1). */
  readonly env: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The program's absolute path and its arguments. */
  readonly argv: readonly string[];
}

/** Exit code of a shim that could not begin the command. */
export const SHIM_FAILED_CODE = 125;
/** File descriptor on which the shim says that the command is about to run. */
export const SHIM_READY_FD = 3;

/** Names that a shell reads, sets or guards itself; they are set by env(1), after the shell is out of the way. */
const SHELL_NAMES = new Set(["_", "BASHOPTS", "EUID", "OLDPWD", "PPID", "PWD", "SHELLOPTS", "SHLVL", "UID"]);
const PLAIN_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The text of the script. Every value in it is quoted; NUL bytes must have been refused before. */
export function shimScript(options: ShimOptions): string {
  const started = quote(`${options.folder}/started`);
  const exit = quote(`${options.folder}/exit`);
  const temporary = quote(`${options.folder}/exit.tmp`);
  const exported = Object.entries(options.environment).filter(([name]) => isPlain(name));
  return [
    "trap : HUP INT TERM",
    "unset OLDPWD PWD SHLVL",
    `read -r shim <"/proc/$$/stat" || exit ${SHIM_FAILED_CODE}`,
    "(",
    `read -r self </proc/self/stat || exit ${SHIM_FAILED_CODE}`,
    `printf '%s\\n%s\\n' "$self" "$shim" >${started} || exit ${SHIM_FAILED_CODE}`,
    ...options.cgroups.map((path) => `echo 0 >${quote(`${path}/cgroup.procs`)} || exit ${SHIM_FAILED_CODE}`),
    // Ignoring SIGPIPE must not reach the command, hence the inner subshell: the agent may have died meanwhile.
    `(trap '' PIPE; echo ready >&${SHIM_READY_FD}) 2>/dev/null`,
    `exec ${SHIM_READY_FD}>&-`,
    "unset self shim",
    ...exported.map(([name, value]) => `export ${name}=${quote(value)}`),
    `exec ${commandLine(options).map(quote).join(" ")}`,
    ")",
    "code=$?",
    `read -r pid rest <${started} && kill -s KILL -- "-$pid" 2>/dev/null`,
    `printf '%s\\n' "$code" >${temporary} && exec mv -f ${temporary} ${exit}`,
    "",
  ].join("\n");
}

/** The chain of programs that ends in the command: each sets something and becomes the next. */
function commandLine(options: ShimOptions): string[] {
  const become =
    options.become === undefined ? [] : setprivLine(options.become.setpriv, options.become.account);
  const awkward = Object.entries(options.environment).filter(([name]) => !isPlain(name));
  const env =
    awkward.length === 0 ? [] : [options.env, ...awkward.map(([name, value]) => `${name}=${value}`)];
  return [options.setsid, ...become, ...env, ...options.argv];
}

function setprivLine(setpriv: string, account: Account): string[] {
  const groups = account.groups.length === 0 ? "--clear-groups" : `--groups=${account.groups.join(",")}`;
  return [setpriv, `--reuid=${account.uid}`, `--regid=${account.gid}`, groups, "--"];
}

function isPlain(name: string): boolean {
  return PLAIN_NAME.test(name) && !SHELL_NAMES.has(name);
}

/** A word that the shell takes as it is. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

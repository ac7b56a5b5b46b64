// The raw status of wait(2) in words, as Mesos' updates have it: `Command exited with status 3`.

const signalNames: Readonly<Record<number, string>> = {
  1: "Hangup",
  2: "Interrupt",
  3: "Quit",
  4: "Illegal instruction",
  5: "Trace/breakpoint trap",
  6: "Aborted",
  7: "Bus error",
  8: "Floating point exception",
  9: "Killed",
  10: "User defined signal 1",
  11: "Segmentation fault",
  12: "User defined signal 2",
  13: "Broken pipe",
  14: "Alarm clock",
  15: "Terminated",
  16: "Stack fault",
  24: "CPU time limit exceeded",
  25: "File size limit exceeded",
  31: "Bad system call",
};

const SIGNAL_BITS = 0x7f;
const CORE_DUMPED = 0x80;

/** @param waitStatus exit code × 256, or the number of the ending signal, plus 128 if it left a core file */
export function describeWaitStatus(waitStatus: number): string {
  const signal = waitStatus & SIGNAL_BITS;
  if (signal === 0) return `exited with status ${(waitStatus >> 8) & 0xff}`;
  const core = waitStatus & CORE_DUMPED ? " (core dumped)" : "";
  return `terminated with signal ${signalNames[signal] ?? `Unknown signal ${signal}`}${core}`;
}

const ENDED_BY_SIGNAL = 128;

/** The code with which a shell would report the end that the text tells; undefined if it tells of none. */
export function shellCodeOf(text: string): number | undefined {
  const [, status] = /exited with status (\d+)/.exec(text) ?? [];
  if (status !== undefined) return Number(status);
  const [, name] = /terminated with signal (.+?)(?: \(core dumped\))?$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  const known = Object.keys(signalNames).find((number) => signalNames[Number(number)] === name);
  const number = known ?? /^Unknown signal (\d+)$/.exec(name)?.[1];
  return number === undefined ? undefined : ENDED_BY_SIGNAL + Number(number);
}

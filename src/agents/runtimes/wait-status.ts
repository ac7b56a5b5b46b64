// Exit codes of shells and of runc, turned back into the raw status of wait(2).

/** Raw status of a process ended by SIGKILL; also stands for "ended, and nobody saw how" (shim killed, machine reboot). */
export const WAIT_STATUS_KILLED = 9;

const SIGNAL_BASE = 128;
const HIGHEST_SIGNAL = 64;

/**
 * Shells and runc report a process ended by signal N as 128 + N, so a program that itself exits with such a code is
 * taken for one that was ended by the signal: the two cannot be told apart from outside.
 * @param code 0 to 255
 */
export function waitStatusOfCode(code: number): number {
  const signal = code - SIGNAL_BASE;
  return signal > 0 && signal <= HIGHEST_SIGNAL ? signal : code * 256;
}

// When a foreground command is to end: Ctrl-C, a supervisor's SIGTERM, or the end of the process that started it.

/** Resolves at the first of SIGINT, SIGTERM, or the loss of the parent's channel. A second Ctrl-C ends at once. */
export function untilStopped(): Promise<"SIGINT" | "SIGTERM" | "orphaned"> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => {
      process.once("SIGINT", () => process.exit(130));
      resolve("SIGINT");
    });
    process.once("SIGTERM", () => resolve("SIGTERM"));
    process.once("disconnect", () => resolve("orphaned"));
    if (process.send !== undefined && !process.connected) resolve("orphaned");
  });
}

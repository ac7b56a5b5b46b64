// What no runtime can run is refused before anything is started.
import { type ContainerSpec, RuntimeFailure } from "../runtime.ts";
import { MAX_COMMAND_BYTES } from "./limits.ts";

const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,75}$/;

/** Throws a RuntimeFailure that names what is wrong. */
export function checkSpec(spec: ContainerSpec): void {
  if (!CONTAINER_ID.test(spec.id)) refuse(`"${spec.id}" cannot be the name of a container`);
  if (spec.argv.length === 0 || spec.argv[0] === "") refuse("the command is empty");
  if (!spec.sandbox.startsWith("/")) refuse(`the sandbox path "${spec.sandbox}" is not absolute`);
  const names = Object.keys(spec.environment);
  const bad = names.find((name) => name === "" || name.includes("="));
  if (bad !== undefined) refuse(`"${bad}" cannot be the name of an environment variable`);
  const words = [...spec.argv, ...names, ...Object.values(spec.environment)];
  if (words.some((word) => word.includes("\0"))) refuse("the command or its environment holds a NUL byte");
  const bytes = words.reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  if (bytes > MAX_COMMAND_BYTES) {
    refuse(`command and environment have ${bytes} bytes, more than ${MAX_COMMAND_BYTES}`);
  }
}

function refuse(reason: string): never {
  throw new RuntimeFailure("launch-failed", reason);
}

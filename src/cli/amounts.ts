// Amounts of resources as operators write and read them: `cpus:2;mem:1024`.
import { InvalidArgumentError } from "commander";
import { parse } from "../allocator/index.ts";

/** By name; mem and disk in MB. */
export type Amounts = Readonly<Record<string, number>>;

/** @throws InvalidArgumentError that says what is wrong */
export function parseAmounts(text: string): Amounts {
  const resources = parse(text);
  if (!resources.ok) throw new InvalidArgumentError(`${resources.error}.`);
  const amounts = resources.value.map(({ name, meta, value }) => {
    if (value.kind !== "scalar") throw new InvalidArgumentError(`${name} must be a number.`);
    if (meta !== "") throw new InvalidArgumentError(`${name} must not be reserved.`);
    return [name, value.millis / 1_000] as const;
  });
  if (amounts.length === 0) throw new InvalidArgumentError('It must be of the form "cpus:2;mem:1024".');
  return Object.fromEntries(amounts);
}

/** `cpus:2; mem:1024`; a dash for nothing. */
export function amountsText(amounts: Amounts): string {
  const parts = Object.entries(amounts).map(([name, amount]) => `${name}:${amount}`);
  return parts.length === 0 ? "-" : parts.join("; ");
}

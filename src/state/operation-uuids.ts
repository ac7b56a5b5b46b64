// The uuids of operations and of their statuses: they follow from a number that is unique in the cluster, so that nothing
// has to be drawn. In the form of version 4, because others are refused as uuids of statuses.

const NUMBER_DIGITS = 12;
const VERSION_AND_VARIANT = "40008000";

type Subject = "operation" | "status";

const PREFIXES: { readonly [Of in Subject]: string } = {
  operation: "000000000001",
  status: "000000000002",
};

/** Lower-case hexadecimal of the 16 bytes. */
export function uuidOf(subject: Subject, number: number): string {
  return PREFIXES[subject] + VERSION_AND_VARIANT + number.toString(16).padStart(NUMBER_DIGITS, "0");
}

/** The number in the uuid of a status; null if the uuid was not made here. */
export function numberOfStatus(uuid: string): number | null {
  const number = Number.parseInt(uuid.slice(-NUMBER_DIGITS), 16);
  return Number.isSafeInteger(number) && uuidOf("status", number) === uuid ? number : null;
}

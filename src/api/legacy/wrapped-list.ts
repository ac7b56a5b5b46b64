// Bodies that are lists in JSON, where the messages of the v1 API have the list in a field.

/**
 * The list as the JSON of a message that has it in this field; null if it is JSON, but no list; undefined if it is no
 * JSON, or nested too deep to be written again.
 */
export function wrappedList(text: string, field: string): string | null | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? JSON.stringify({ [field]: list as unknown }) : null;
  } catch {
    return undefined;
  }
}

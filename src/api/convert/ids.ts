// Ids and roles as clients choose them: what Mesos takes (reference, section h) and what it says otherwise.
import { ID_CHARACTERS_MAX, ROLE_CHARACTERS_MAX, ROLE_LEVELS_MAX } from "../limits.ts";

/** What is wrong with an id, in Mesos' words where they were recorded; null if it is good. */
export function problemOfId(id: string): string | null {
  if (id === "") return "ID must not be empty";
  if (id.length > ID_CHARACTERS_MAX) return `ID must not be greater than ${ID_CHARACTERS_MAX} characters`;
  if (id === "." || id === "..") return `'${id}' is disallowed`;
  return hasBadCharacter(id) ? `'${id}' contains invalid characters` : null;
}

function hasBadCharacter(id: string): boolean {
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    if (code < 0x20 || code === 0x7f || code === 0x2f || code === 0x5c) return true;
  }
  return false;
}

/** Backspace, the ASCII white space, and delete. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about these very characters.
const BAD_IN_ROLE = /[\x08-\x0d\x20\x7f]/;

/** What is wrong with a role's path (AL04), null if it is good. */
export function problemOfRole(role: string): string | null {
  if (role === "*") return null;
  if (role.length > ROLE_CHARACTERS_MAX)
    return `Role must not be greater than ${ROLE_CHARACTERS_MAX} characters`;
  if (role.startsWith("/")) return `Role '${role}' cannot start with a slash`;
  if (role.endsWith("/")) return `Role '${role}' cannot end with a slash`;
  const components = role.split("/");
  if (components.length > ROLE_LEVELS_MAX)
    return `Role '${role}' has more than ${ROLE_LEVELS_MAX} components`;
  for (const component of components) {
    const problem = problemOfComponent(component, role);
    if (problem !== null) return problem;
  }
  return null;
}

function problemOfComponent(component: string, role: string): string | null {
  if (component === "") return role === "" ? "Role is empty" : `Role '${role}' has an empty component`;
  if (component === "." || component === ".." || component === "*") {
    return `Role '${role}' cannot have '${component}' as a component`;
  }
  if (component.startsWith("-")) {
    return `Role component '${component}' is invalid because it begins with a dash`;
  }
  return BAD_IN_ROLE.test(component)
    ? `Role component '${component}' is invalid because it contains backspace or whitespace`
    : null;
}

// Users and groups out of the text of passwd(5) and group(5) files: the host's for the process runtime, the image's
// for containerd. Directory services (LDAP, sssd) are not asked.

export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups as login would set them, the primary group included; ascending. */
  readonly groups: readonly number[];
}

/** Largest user and group id; the one above it means "unchanged" to the kernel. */
const MAX_ID = 0xffff_fffe;

/**
 * Resolves `name`, `uid`, `name:group` or `uid:gid` (the form of an image's `User`). A number needs no entry in passwd;
 * it then has group 0 unless one is given. Undefined if a name is unknown.
 */
export function findAccount(user: string, passwd: string, group: string): Account | undefined {
  const [who = "", whichGroup] = user.split(":", 2);
  const base = findUser(who, passwd);
  if (base === undefined) return undefined;
  if (whichGroup !== undefined) {
    const gid = findGroup(whichGroup, group);
    return gid === undefined ? undefined : { uid: base.uid, gid, groups: [gid] };
  }
  const supplementary = base.name === undefined ? [] : groupsOf(base.name, group);
  const groups = [...new Set([base.gid, ...supplementary])].sort((a, b) => a - b);
  return { uid: base.uid, gid: base.gid, groups };
}

interface PasswdEntry {
  readonly name: string | undefined;
  readonly uid: number;
  readonly gid: number;
}

function findUser(who: string, passwd: string): PasswdEntry | undefined {
  if (who === "") return undefined;
  const rows = entries(passwd, 4).flatMap(([name, , uid, gid]) => passwdEntry(name, uid, gid));
  const number = parseId(who);
  const found = rows.find((row) => row.name === who) ?? rows.find((row) => row.uid === number);
  if (found !== undefined) return found;
  return number === undefined ? undefined : { name: undefined, uid: number, gid: 0 };
}

function passwdEntry(
  name: string | undefined,
  uid: string | undefined,
  gid: string | undefined,
): PasswdEntry[] {
  const [user, primary] = [parseId(uid), parseId(gid)];
  return user === undefined || primary === undefined ? [] : [{ name, uid: user, gid: primary }];
}

function findGroup(which: string, group: string): number | undefined {
  const row = entries(group, 3).find(([name]) => name === which);
  return row === undefined ? parseId(which) : parseId(row[2]);
}

function groupsOf(user: string, group: string): number[] {
  return entries(group, 4).flatMap(([, , gid, members = ""]) => {
    const id = parseId(gid);
    return id !== undefined && members.split(",").includes(user) ? [id] : [];
  });
}

function entries(text: string, fields: number): string[][] {
  return text
    .split("\n")
    .map((line) => line.split(":"))
    .filter((row) => row.length >= fields);
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

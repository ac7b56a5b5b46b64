// Why a change of membership failed, for callers of the node.
import type { MembershipRefusal } from "./types.ts";

export class MembershipError extends Error {
  readonly reason: MembershipRefusal;

  constructor(reason: MembershipRefusal) {
    super(`the membership was not changed: ${reason}`);
    this.name = "MembershipError";
    this.reason = reason;
  }
}

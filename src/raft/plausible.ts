// Whether a message can come from a member that works. Members are trusted, but one whose memory or disk has gone bad
// could name a term near the end of what can be counted: everybody would take it over, and there would be no next one.
import type { Term } from "../kernel/ids.ts";
import { TERM_JUMP_MAX, TERM_MAX } from "./limits.ts";
import type { Message } from "./messages.ts";

/** What is wrong with the message, or null. @param own this member's term */
export function faultOf(message: Message, own: Term): string | null {
  if (message.term > TERM_MAX || message.term - own > TERM_JUMP_MAX)
    return `its term ${message.term} cannot be where ours is ${own}: that member is broken and has to be replaced`;
  const within = termWithin(message);
  return within > message.term ? `a ${message.kind} of term ${message.term} names term ${within}` : null;
}

/** What a message says of logs and snapshots is never newer than its sender's term. */
function termWithin(message: Message): number {
  switch (message.kind) {
    case "pre-vote":
      // The term that it is about is the next one.
      return Math.max(message.lastTerm, message.forTerm - 1);
    case "vote":
      return message.lastTerm;
    case "append":
      return message.prevTerm;
    case "append-rejected":
      return message.hintTerm;
    case "snapshot-chunk":
      return message.meta.term;
    default:
      return 0;
  }
}

// Frames: what is written is what is read, and nothing that comes in can throw.
import fc from "fast-check";
import { pack } from "msgpackr";
import { describe, expect, it } from "vitest";
import { asId, asIndex, asTerm, type GroupId, type MemberId } from "../../../src/kernel/ids.ts";
import { decodeMessage, encodeMessage, haveSameFrame } from "../../../src/raft/codec.ts";
import { acceptHandshake, encodeHandshake } from "../../../src/raft/handshake.ts";
import { MEMBERS_MAX } from "../../../src/raft/limits.ts";
import {
  decodeMembershipEntry,
  encodeMembershipEntry,
  unpackMembership,
} from "../../../src/raft/membership-entry.ts";
import type { Message } from "../../../src/raft/messages.ts";
import { MEMBERSHIP_ENTRY_TAG } from "../../../src/raft/types.ts";
import { bytes, memberId } from "./support/core-cluster.ts";

const whole = fc.oneof(fc.nat(1000), fc.maxSafeNat());
const index = whole.map(asIndex);
const term = whole.map(asTerm);
const member = fc
  .string({ minLength: 1, maxLength: 20, unit: "binary" })
  .filter((name) => name !== "__proto__")
  .map((name) => asId<MemberId>(name));
const members = fc.uniqueArray(member, { minLength: 1, maxLength: 5 });
const payload = fc.uint8Array({ maxLength: 50 });
/** Anything but the beginning of a membership entry. */
const content = payload.filter((bytes) => bytes[0] !== MEMBERSHIP_ENTRY_TAG);
const envelope = { from: fc.constant(memberId(2)), to: fc.constant(memberId(1)), term };
const meta = fc.record({
  index,
  term,
  membership: fc
    .record({
      voters: members,
      outgoing: fc.uniqueArray(member, { maxLength: 3 }),
      learners: members,
      contacts: fc.dictionary(member, fc.record({ raftAddress: fc.string(), apiAddress: fc.string() }), {
        noNullPrototype: true,
        maxKeys: 5,
      }),
    })
    .map((one) => ({ ...one, learners: one.learners.filter((learner) => !one.voters.includes(learner)) })),
});

/** Entries follow prevIndex without gaps, with terms that do not decrease and do not pass the sender's. */
const append: fc.Arbitrary<Message> = fc
  .record({
    prevIndex: fc.nat(1_000_000),
    terms: fc.array(fc.nat(9), { maxLength: 6 }),
    payloads: fc.array(content, { minLength: 6, maxLength: 6 }),
    commit: index,
    prevTerm: fc.nat(9),
  })
  .map(({ prevIndex, terms, payloads, commit, prevTerm }) => ({
    kind: "append",
    from: memberId(2),
    to: memberId(1),
    term: asTerm(30),
    prevIndex: asIndex(prevIndex),
    prevTerm: asTerm(prevTerm),
    commit,
    entries: terms
      .sort((a, b) => a - b)
      .map((offset, i) => ({
        index: asIndex(prevIndex + 1 + i),
        term: asTerm(prevTerm + offset),
        payload: payloads[i] ?? new Uint8Array(0),
      })),
  }));

function kind<Kind extends string>(name: Kind): fc.Arbitrary<Kind> {
  return fc.constant(name);
}

const message: fc.Arbitrary<Message> = fc.oneof(
  append,
  fc.record({ kind: kind("pre-vote"), ...envelope, forTerm: term, lastIndex: index, lastTerm: term }),
  fc.record({
    kind: kind("pre-vote-reply"),
    ...envelope,
    forTerm: term,
    granted: fc.boolean(),
    amnesia: fc.boolean(),
  }),
  fc.record({ kind: kind("vote"), ...envelope, lastIndex: index, lastTerm: term, transfer: fc.boolean() }),
  fc.record({ kind: kind("vote-reply"), ...envelope, granted: fc.boolean(), amnesia: fc.boolean() }),
  fc.record({ kind: kind("append-accepted"), ...envelope, match: index }),
  fc.record({
    kind: kind("append-rejected"),
    ...envelope,
    prevIndex: index,
    hintIndex: index,
    hintTerm: term,
  }),
  fc.record({ kind: kind("heartbeat"), ...envelope, commit: index, round: whole }),
  fc.record({ kind: kind("heartbeat-reply"), ...envelope, round: whole, promiseMs: whole }),
  fc.record({
    kind: kind("snapshot-chunk"),
    ...envelope,
    meta,
    digest: fc.string({ minLength: 1, maxLength: 255 }),
    offset: whole,
    bytes: payload,
    done: fc.boolean(),
  }),
  fc.record({ kind: kind("snapshot-progress"), ...envelope, index, offset: whole }),
  fc.record({ kind: kind("timeout-now"), ...envelope }),
  fc.record({ kind: kind("heal-request"), ...envelope, amnesia: fc.boolean(), round: whole, nonce: whole }),
  fc.record({ kind: kind("heal-target"), ...envelope, index, nonce: whole }),
);

describe("membership entries", () => {
  it("come back as they were, inside an append too", () => {
    fc.assert(
      fc.property(meta, ({ membership }) => {
        const payload = encodeMembershipEntry(membership);
        expect(payload[0]).toBe(0xc1);
        expect(decodeMembershipEntry(payload)).toEqual(membership);
      }),
      { numRuns: 500 },
    );
  });

  it("that are garbage are refused with the whole frame, and never throw", () => {
    fc.assert(
      fc.property(payload, (garbage) => {
        const tagged = Uint8Array.of(0xc1, 1, ...garbage);
        if (decodeMembershipEntry(tagged) !== null) return;
        const entries = [{ index: asIndex(1), term: asTerm(1), payload: tagged }];
        const frame = encodeMessage({
          kind: "append",
          from: memberId(2),
          to: memberId(1),
          term: asTerm(1),
          prevIndex: asIndex(0),
          prevTerm: asTerm(0),
          commit: asIndex(0),
          entries,
        });
        expect(decodeMessage(frame, memberId(2), memberId(1)).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it("of an unknown version, without voters, or with a voter that is a learner too are no memberships", () => {
    const one = { voters: [memberId(1)], outgoing: [], learners: [], contacts: {} };
    const payload = encodeMembershipEntry(one);
    payload[1] = 2;
    expect(decodeMembershipEntry(payload)).toBeNull();
    expect(decodeMembershipEntry(encodeMembershipEntry({ ...one, voters: [] }))).toBeNull();
    expect(decodeMembershipEntry(encodeMembershipEntry({ ...one, learners: one.voters }))).toBeNull();
  });

  it("with more contacts than could be packed again are no memberships: a snapshot of them would end the member", () => {
    const contacts = (count: number): Record<string, unknown> =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`m${i}`, { raftAddress: "a", apiAddress: "b" }]),
      );
    const one = { voters: ["m1"], outgoing: [], learners: [] };
    expect(unpackMembership(pack({ ...one, contacts: contacts(2 * MEMBERS_MAX) }))).not.toBeNull();
    expect(unpackMembership(pack({ ...one, contacts: contacts(2 * MEMBERS_MAX + 1) }))).toBeNull();
  });

  it("of old, without contacts, have none", () => {
    const old = pack({ voters: ["m1"], outgoing: [], learners: [] });
    expect(unpackMembership(old)).toEqual({ voters: ["m1"], outgoing: [], learners: [], contacts: {} });
  });
});

describe("messages", () => {
  it("come back as they were", () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decodeMessage(encodeMessage(sent), memberId(2), memberId(1))).toEqual({
          ok: true,
          value: sent,
        });
      }),
      { numRuns: 2000 },
    );
  });

  it("that are cut short or too long are refused", () => {
    fc.assert(
      fc.property(message, fc.nat(), (sent, cut) => {
        const frame = encodeMessage(sent);
        const shorter = frame.subarray(0, cut % frame.length);
        const longer = Uint8Array.of(...frame, 0);
        for (const broken of [shorter, longer]) {
          expect(decodeMessage(broken, memberId(2), memberId(1)).ok).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("that are garbage never throw", () => {
    fc.assert(
      fc.property(fc.nat(40), fc.uint8Array({ maxLength: 200 }), (code, garbage) => {
        const decoded = decodeMessage(Uint8Array.of(code, ...garbage), memberId(2), memberId(1));
        expect(typeof decoded.ok).toBe("boolean");
      }),
      { numRuns: 3000 },
    );
  });

  it("whose entries are of a later term than the message, or of decreasing terms, are refused", () => {
    const sent = fc.sample(append, 50).find((one) => one.kind === "append" && one.entries.length > 0);
    if (sent?.kind !== "append") throw new Error("no append among the samples");
    const one = { index: asIndex(sent.prevIndex + 1), payload: bytes("x") };
    const two = { index: asIndex(sent.prevIndex + 2), payload: bytes("y") };
    for (const terms of [
      [31, 31],
      [20, 19],
    ]) {
      const entries = [
        { ...one, term: asTerm(terms[0] ?? 0) },
        { ...two, term: asTerm(terms[1] ?? 0) },
      ];
      const frame = encodeMessage({ ...sent, prevTerm: asTerm(1), entries });
      expect(decodeMessage(frame, memberId(2), memberId(1)).ok).toBe(false);
    }
  });
});

describe("the handshake", () => {
  const expected = { clusterName: "blue", self: memberId(1) };
  const good = {
    clusterName: "blue",
    from: memberId(2),
    to: memberId(1),
    address: "10.0.0.2:5052",
    groupId: null,
  };
  const groupId = asId<GroupId>("0123456789abcdef0123456789abcdef");

  it("tells who speaks, where it is dialled and to which group it belongs, of members that are not known yet too", () => {
    for (const greeting of [good, { ...good, from: memberId(9) }, { ...good, groupId }])
      expect(acceptHandshake(encodeHandshake(greeting), expected)).toEqual({ ok: true, value: greeting });
  });

  it.each([
    ["another cluster", { ...good, clusterName: "green" }, /green/],
    ["somebody who claims to be us", { ...good, from: memberId(1) }, /our own name/],
    ["a call meant for another member", { ...good, to: memberId(2) }, /meant for/],
    ["what is no id of a group", { ...good, groupId: asId<GroupId>("0123") }, /malformed/],
  ])("refuses %s", (_, greeting, reason) => {
    const refused = acceptHandshake(encodeHandshake(greeting), expected);
    expect(refused.ok ? "" : refused.error).toMatch(reason);
  });

  it("refuses another protocol version", () => {
    const frame = encodeHandshake(good);
    new DataView(frame.buffer).setUint32(5, 99);
    const refused = acceptHandshake(frame, expected);
    expect(refused.ok ? "" : refused.error).toMatch(/version 99/);
  });

  it("never throws on garbage", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (garbage) => {
        expect(acceptHandshake(garbage, expected).ok).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("entries to two members", () => {
  it("are said to have the same frame only if they have", () => {
    fc.assert(
      fc.property(append, fc.boolean(), (one, hasEntries) => {
        if (one.kind !== "append") return;
        const other: Message = { ...one, to: memberId(3), entries: hasEntries ? [...one.entries] : [] };
        if (!haveSameFrame(one, other)) expect(one.entries.length).toBeGreaterThan(other.entries.length);
        else expect(encodeMessage(other)).toEqual(encodeMessage(one));
        const later: Message = { ...other, commit: asIndex(other.commit + 1) };
        expect(haveSameFrame(one, later)).toBe(false);
      }),
    );
  });
});

import { INCARNATION_MAX, MEMBER_ADDRESS_LENGTH_MAX, MEMBER_ID_LENGTH_MAX } from './limits.ts';

/**
 * What is known of a member, and which of two statements about it holds. The
 * order is total (incarnation, then state), so that merging is a maximum: any
 * order of arrival and any repetition gives the same view.
 */

export type MemberRole = 'node' | 'gateway';
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

export interface Member {
  readonly id: string;
  readonly role: MemberRole;
  /** host:port of its Mesh service. */
  readonly address: string;
  readonly pop: string;
  readonly state: MemberState;
  /** Raised by the member itself only: to refute, and at each start. */
  readonly incarnation: number;
}

/** Suspicion beats being alive, death beats suspicion, and a good-bye beats them all. */
const STATE_RANK: Readonly<Record<MemberState, number>> = {
  alive: 0,
  suspect: 1,
  dead: 2,
  left: 3,
};

export function overrides(
  incoming: Pick<Member, 'state' | 'incarnation'>,
  held: Pick<Member, 'state' | 'incarnation'>,
): boolean {
  if (incoming.incarnation !== held.incarnation) return incoming.incarnation > held.incarnation;
  return STATE_RANK[incoming.state] > STATE_RANK[held.state];
}

/** Alive or suspect: still to be talked to. */
export const isLive = (member: Pick<Member, 'state'>): boolean =>
  member.state === 'alive' || member.state === 'suspect';

/** Whether a statement from a peer may be looked at, at all. */
export const isPlausible = (member: Member): boolean =>
  member.id.length > 0 &&
  member.id.length <= MEMBER_ID_LENGTH_MAX &&
  member.address.length > 0 &&
  member.address.length <= MEMBER_ADDRESS_LENGTH_MAX &&
  member.incarnation >= 0 &&
  member.incarnation <= INCARNATION_MAX;

export interface MemberChange {
  readonly member: Member;
  readonly previous: Member | undefined;
}

/** Appeared, or came back after we had given it up. */
export const isReturn = ({ member, previous }: MemberChange): boolean =>
  isLive(member) && (previous === undefined || !isLive(previous));

/**
 * A member from disk is somebody to call, no more: one that was dead may be back,
 * and one that said good-bye says hello itself.
 */
export const asCandidates = (stored: readonly Member[]): Member[] =>
  stored
    .filter((member) => member.state !== 'left')
    .map((member) => (member.state === 'dead' ? { ...member, state: 'suspect' } : member));

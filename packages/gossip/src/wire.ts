import {
  fromBinary,
  type MemberUpdate,
  type MemberUpdateSchema,
  type MessageInitShape,
  type SignedRecord,
  SignedRecordSchema,
  toBinary,
  MemberRole as WireRole,
  MemberState as WireState,
} from '@popmesh/protocol';
import { INCARNATION_MAX } from './limits.ts';
import type { Member, MemberRole, MemberState } from './member.ts';

/** Between our words and the wire's, in one place. */

const ROLES: Readonly<Record<MemberRole, WireRole>> = {
  node: WireRole.NODE,
  gateway: WireRole.GATEWAY,
};
const STATES: Readonly<Record<MemberState, WireState>> = {
  alive: WireState.ALIVE,
  suspect: WireState.SUSPECT,
  dead: WireState.DEAD,
  left: WireState.LEFT,
};

const named = <T extends string>(table: Readonly<Record<T, number>>, value: number) =>
  (Object.keys(table) as T[]).find((name) => table[name] === value);

export const toUpdate = (member: Member): MessageInitShape<typeof MemberUpdateSchema> => ({
  id: member.id,
  role: ROLES[member.role],
  address: member.address,
  pop: member.pop,
  state: STATES[member.state],
  incarnation: BigInt(member.incarnation),
});

/** Undefined for a role or state that this version does not know. */
export function fromUpdate(update: MemberUpdate): Member | undefined {
  const role = named(ROLES, update.role);
  const state = named(STATES, update.state);
  if (role === undefined || state === undefined) return undefined;
  if (update.incarnation > BigInt(INCARNATION_MAX)) return undefined;
  const { id, address, pop } = update;
  return { id, role, address, pop, state, incarnation: Number(update.incarnation) };
}

/** The envelope's fields as a message; unknown ones stay, so the bytes come out the same. */
export const toSigned = (envelope: Uint8Array): SignedRecord =>
  fromBinary(SignedRecordSchema, envelope);

export const toEnvelope = (signed: SignedRecord): Uint8Array =>
  toBinary(SignedRecordSchema, signed);

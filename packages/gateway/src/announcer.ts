import type { Clock, Logger } from '@popmesh/contracts';
import { type AnnouncementSource, AnnouncementWriter } from '@popmesh/gossip';
import {
  create,
  fromBinary,
  GatewayAnnouncementSchema,
  gatewayKey,
  type MessageInitShape,
  type NodeIdentity,
  toBinary,
} from '@popmesh/protocol';

/** This gateway's own record in the mesh, written at each change of state. */
export class Announcer {
  readonly #writer: AnnouncementWriter;

  constructor(parts: {
    readonly identity: NodeIdentity;
    readonly gossip: AnnouncementSource & { readonly process: bigint };
    readonly clock: Clock;
    readonly logger: Logger;
    readonly describe: () => MessageInitShape<typeof GatewayAnnouncementSchema>;
  }) {
    const { gossip, describe } = parts;
    this.#writer = new AnnouncementWriter({
      ...parts,
      key: gatewayKey(parts.identity.id),
      describe: () =>
        toBinary(GatewayAnnouncementSchema, create(GatewayAnnouncementSchema, describe())),
      isOwn: (payload) => processOf(payload) === gossip.process,
    });
  }

  start(): void {
    this.#writer.start();
  }

  /** Never throws: a gateway that cannot announce itself still serves. */
  announce(): Promise<void> {
    return this.#writer.announce();
  }

  /** Whether another member holds an announcement of this process. */
  get isHeld(): boolean {
    return this.#writer.isHeld;
  }

  stop(): Promise<void> {
    return this.#writer.stop();
  }
}

function processOf(payload: Uint8Array): bigint | undefined {
  try {
    return fromBinary(GatewayAnnouncementSchema, payload).process;
  } catch {
    return undefined;
  }
}

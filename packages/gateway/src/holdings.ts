/**
 * What somebody holds of this gateway at this moment: one client, one namespace, or all
 * together. Plain numbers, changed by `Ledger` alone.
 */
export class Holdings {
  /** False for the operator's own proxies, whose clients are counted one by one instead. */
  readonly bounded: boolean;
  connections = 0;
  /** Requests that were given to a node and are not answered yet. */
  inFlight = 0;
  /** Requests whose body is still too far away to be given to a node. */
  waiting = 0;
  /** Requests that were given to a node though their body had hardly begun. */
  early = 0;
  /** Bytes of request bodies in memory. */
  heldBytes = 0;
  /** How often it was told in this second that it has too much. */
  refusals = 0;

  constructor(bounded = true) {
    this.bounded = bounded;
  }

  /** Then it may be forgotten: an object that is made anew says the same. */
  get isEmpty(): boolean {
    return this.connections + this.inFlight + this.waiting + this.heldBytes === 0;
  }
}

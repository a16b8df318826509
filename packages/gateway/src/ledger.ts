import { clientKey, PIECE_BYTES_LEAST, PIECES, PopmeshError } from '@popmesh/contracts';
import type { LimitsConfig } from './config.ts';
import { Holdings } from './holdings.ts';
import type { Traffic } from './traffic.ts';

/**
 * Who holds how much of this gateway, and what is too much. Bounded are single clients, single
 * namespaces, and all together. A row of the tables exists while it counts something, so there
 * are never more rows than things held, and forgetting one loses nothing.
 *
 * Refused: rates (requests a second) per address. They punish many people behind one address,
 * and do not see the client that sends little and keeps everything open.
 */

export interface LedgerConfig {
  /** Read at every question: it may be replaced while the gateway runs. */
  readonly limits: LimitsConfig;
}

/** Empty rows that may wait for the next sweep. */
const IDLE_ROWS_MAX = 1_024;
/** Of the last quarter of anything, somebody may have a tenth of what he may have otherwise. */
const SCARCE_DIVISOR = 10;
/** Answers of 429 to one client in a second; then its new connections are closed without a word. */
const REFUSALS_TOLD_MAX = 200;
/** A body in tiny pieces cost as much as so many of them. */
const TINY_PIECES_REFUSALS = 50;
/** A client with more requests in flight than this share of a data plane leaves its last quarter to others. */
const PLACES_SHARE = 4;

export class Ledger {
  readonly #config: LedgerConfig;
  readonly #traffic: Traffic;
  readonly #clients = new Map<string, Holdings>();
  readonly #tenants = new Map<string, Holdings>();
  /** The operator's own proxies, as far as they speak for themselves. */
  readonly #house = new Holdings(false);

  constructor(config: LedgerConfig, traffic: Traffic) {
    this.#config = config;
    this.#traffic = traffic;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** A connection was accepted; undefined when it must be closed. */
  connect(address: string, trusted: boolean): Holdings | undefined {
    const { limits } = this.#config;
    const { total } = this.#traffic;
    const client = trusted ? this.#house : this.client(address);
    const max = scarce(limits.client.connectionsMax, total.connections, limits.connectionsMax);
    if (client.refusals >= REFUSALS_TOLD_MAX) {
      this.#traffic.refused('client_refusals');
      return undefined;
    }
    if (client.bounded && client.connections >= max) {
      this.#traffic.refused('client_connections');
      return undefined;
    }
    client.connections += 1;
    total.connections += 1;
    return client;
  }

  disconnect(client: Holdings): void {
    client.connections -= 1;
    this.#traffic.total.connections -= 1;
  }

  client(address: string): Holdings {
    return this.#row(this.#clients, clientKey(address));
  }

  /** Where the operator's proxy names nobody else. */
  get house(): Holdings {
    return this.#house;
  }

  tenant(namespace: string): Holdings {
    return this.#row(this.#tenants, namespace);
  }

  /** Why a request may not be given to a node now. */
  dispatchRefusal(client: Holdings, tenant: Holdings): PopmeshError | undefined {
    const { limits } = this.#config;
    const { inFlight } = this.#traffic.total;
    if (inFlight >= limits.inFlightMax) {
      return this.#full('in_flight', 'this gateway is at its request limit');
    }
    const max = scarce(limits.client.inFlightMax, inFlight, limits.inFlightMax);
    if (client.bounded && client.inFlight >= max) {
      return this.#tooMuch(client, 'client_in_flight', 'requests in flight', max);
    }
    if (tenant.inFlight < limits.namespace.inFlightMax) return undefined;
    return this.#full('namespace_in_flight', 'the namespace is at its request limit here');
  }

  dispatched(client: Holdings, tenant: Holdings): void {
    client.inFlight += 1;
    tenant.inFlight += 1;
    this.#traffic.total.inFlight += 1;
  }

  answered(client: Holdings, tenant: Holdings): void {
    client.inFlight -= 1;
    tenant.inFlight -= 1;
    this.#traffic.total.inFlight -= 1;
  }

  /** How many of a data plane's places this client may help to fill. */
  placesMax(client: Holdings): number {
    const { nodeInFlightMax } = this.#config.limits;
    if (!client.bounded || client.inFlight * PLACES_SHARE <= nodeInFlightMax)
      return nodeInFlightMax;
    return Math.max(1, nodeInFlightMax - Math.floor(nodeInFlightMax / PLACES_SHARE));
  }

  placesRefusal(client: Holdings): PopmeshError {
    return this.#tooMuch(client, 'client_places', 'requests in flight', client.inFlight);
  }

  /** Why a request with a body may not even wait for it. */
  waitRefusal(client: Holdings, tenant: Holdings): PopmeshError | undefined {
    const { limits } = this.#config;
    const { waiting } = this.#traffic.total;
    if (waiting >= limits.waitingMax) {
      return this.#full('waiting', 'this gateway waits for too many request bodies');
    }
    const max = scarce(limits.client.waitingMax, waiting, limits.waitingMax);
    if (client.bounded && client.waiting >= max) {
      return this.#tooMuch(client, 'client_waiting', 'unfinished request bodies', max);
    }
    if (tenant.waiting < limits.namespace.waitingMax) return undefined;
    return this.#full('namespace_waiting', 'the namespace waits for too many request bodies here');
  }

  wait(client: Holdings, tenant: Holdings, by: 1 | -1): void {
    client.waiting += by;
    tenant.waiting += by;
    this.#traffic.total.waiting += by;
  }

  /** Takes memory for a piece of a body, or says why not. */
  hold(client: Holdings, tenant: Holdings, bytes: number): PopmeshError | undefined {
    const { limits } = this.#config;
    const { total } = this.#traffic;
    if (total.heldBytes + bytes > limits.heldBytesMax) {
      return this.#full('held_bytes', 'this gateway holds too many request bodies');
    }
    const max = scarce(limits.client.heldBytesMax, total.heldBytes, limits.heldBytesMax);
    if (client.bounded && client.heldBytes + bytes > max) {
      return this.#tooMuch(client, 'client_held_bytes', 'bytes of request bodies', max);
    }
    if (tenant.heldBytes + bytes > limits.namespace.heldBytesMax) {
      return this.#full(
        'namespace_held_bytes',
        'too many request bodies of the namespace are here',
      );
    }
    this.#addBytes(client, tenant, bytes);
    return undefined;
  }

  /** Who does so four times in a second is closed at accept for the rest of it. */
  tinyPieces(client: Holdings): PopmeshError {
    if (client.bounded) client.refusals += TINY_PIECES_REFUSALS;
    this.#traffic.refused('body_pieces');
    return new PopmeshError('payload_too_large', 'the body comes in too many small pieces', {
      hint: `Send pieces of ${PIECE_BYTES_LEAST} bytes or more, or fewer than 400 in a second.`,
      details: { limit: 'body_pieces', max: PIECES },
    });
  }

  letGo(client: Holdings, tenant: Holdings, bytes: number): void {
    this.#addBytes(client, tenant, -bytes);
  }

  /** Whether one more request may go to a node whose body has hardly begun. Counted when it may. */
  takeEarly(client: Holdings, tenant: Holdings): boolean {
    const { limits } = this.#config;
    if (client.bounded && client.early >= limits.client.earlyMax) return false;
    if (tenant.early >= limits.namespace.earlyMax) return false;
    client.early += 1;
    tenant.early += 1;
    this.#traffic.total.early += 1;
    return true;
  }

  giveEarly(client: Holdings, tenant: Holdings): void {
    client.early -= 1;
    tenant.early -= 1;
    this.#traffic.total.early -= 1;
  }

  /** Called once a second. */
  sweep(): void {
    for (const client of this.#clients.values()) client.refusals = 0;
    prune(this.#clients);
    prune(this.#tenants);
  }

  #addBytes(client: Holdings, tenant: Holdings, bytes: number): void {
    client.heldBytes += bytes;
    tenant.heldBytes += bytes;
    this.#traffic.total.heldBytes += bytes;
  }

  #row(rows: Map<string, Holdings>, key: string): Holdings {
    const held = rows.get(key);
    if (held !== undefined) return held;
    const { limits } = this.#config;
    // Each row that is not empty counts one of these at least, so this always makes room.
    const counted = limits.connectionsMax + limits.inFlightMax + limits.waitingMax;
    if (rows.size >= counted + IDLE_ROWS_MAX) prune(rows);
    const made = new Holdings();
    rows.set(key, made);
    return made;
  }

  /** The client's own doing. */
  #tooMuch(client: Holdings, reason: string, what: string, max: number): PopmeshError {
    client.refusals += 1;
    this.#traffic.refused(reason);
    return new PopmeshError('client_limit_exceeded', `your address has too many ${what} here`, {
      hint: 'Wait for answers before you send more; the operator sets the bound in [limits.client].',
      details: { limit: reason, max },
    });
  }

  /** Nobody's doing alone. */
  #full(reason: string, message: string): PopmeshError {
    this.#traffic.refused(reason);
    return new PopmeshError('overloaded', message, { details: { limit: reason } });
  }
}

/** What one may have of a whole, of which `held` of `max` are taken. */
const scarce = (own: number, held: number, max: number): number =>
  held * 4 < max * 3 ? own : Math.ceil(own / SCARCE_DIVISOR);

function prune(rows: Map<string, Holdings>): void {
  for (const [key, row] of rows) if (row.isEmpty) rows.delete(key);
}

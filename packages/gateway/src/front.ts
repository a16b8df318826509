import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { dropLateUpload, PopmeshError } from '@popmesh/contracts';
import { type Clients, type Peer, plainAddress } from './client-peer.ts';
import { type Directory, type Match, normaliseHost } from './directory.ts';
import { Exchange, type ExchangeTools } from './exchange.ts';
import type { Holdings } from './holdings.ts';
import { sendError } from './platform-error.ts';
import { bodyTooLarge } from './request-body.ts';
import { type RequestHead, readRequestHead } from './request-headers.ts';
import { findFunction } from './request-target.ts';
import { isIdempotent } from './retry-policy.ts';
import type { ClientPlace } from './topology.ts';

/**
 * From a parsed HTTP request to an exchange, or to a refusal that says why.
 * Everything that is hostile about a request head is dealt with here.
 */

export interface FrontOptions {
  readonly tools: ExchangeTools;
  readonly directory: Directory;
  readonly clients: Clients;
  /** False until the directory is known: before that, "not found" would be a guess. */
  readonly synced: () => boolean;
}

/** On the socket itself, so that whose it is, trust and place are worked out once. */
const CLIENT = Symbol('client');

interface Client {
  readonly holdings: Holdings;
  peer: Peer | undefined;
}

type ClientSocket = Socket & { [CLIENT]?: Client };

interface Admitted {
  readonly head: RequestHead;
  readonly host: string;
  readonly match: Match;
  readonly client: Holdings;
  readonly tenant: Holdings;
}

export class Front {
  readonly #options: FrontOptions;

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  /** Before anything is read or parsed. False when the connection is one too many. */
  connected(socket: ClientSocket): boolean {
    const { clients, tools } = this.#options;
    const { remoteAddress } = socket;
    // It is gone already.
    if (remoteAddress === undefined) return false;
    const address = plainAddress(remoteAddress);
    const holdings = tools.ledger.connect(address, clients.isTrusted(address));
    if (holdings === undefined) return false;
    socket[CLIENT] = { holdings, peer: undefined };
    socket.once('close', () => tools.ledger.disconnect(holdings));
    return true;
  }

  /** A connection above the bound of all together, closed by the server. */
  dropped(): void {
    this.#options.tools.traffic.refused('connections');
  }

  /** `waitsForWord`: the client sends its body when it is told to (Expect: 100-continue). */
  handle(req: IncomingMessage, res: ServerResponse, waitsForWord = false): void {
    // Behind the last answer of its connection: nobody would hear what becomes of it.
    if (req.socket.writableEnded) return;
    const { tools } = this.#options;
    const startedAt = tools.clock.monotonic();
    const client = (req.socket as ClientSocket)[CLIENT] as Client;
    client.peer ??= this.#options.clients.peer(req.socket.remoteAddress);
    const { peer } = client;
    const admitted = this.#admit(req, peer, client.holdings);
    if (admitted instanceof Refusal) {
      this.#refuse(admitted, req, res);
      // A client over its bounds gets no more of our time; one that waits for a word sends nothing.
      const { code } = admitted.error;
      if (hasBody(req) && !waitsForWord && code !== 'client_limit_exceeded') {
        dropLateUpload(req, tools.clock, () => tools.ledger.tinyPieces(client.holdings));
      }
      return;
    }
    const { head, host, match } = admitted;
    const { entry } = match;
    const { limits } = tools.config;
    // A function may be silent for as long as its own limit says.
    if (entry.timeoutMs >= limits.stallTimeoutMs) {
      req.socket.setTimeout(entry.timeoutMs + limits.stallTimeoutMs);
    }
    const method = req.method as string;
    const requestId = head.traceId ?? randomUUID();
    const place = this.#place(peer, head);
    const exchange = new Exchange(
      tools,
      {
        entry,
        path: match.path,
        method,
        headers: this.#headersFor(head, peer, entry.id, requestId, place),
        idempotent: isIdempotent(method, head.idempotencyKey),
        place,
        requestId,
        startedAt,
        announcesTrailers: head.announcesTrailers,
        contentLength: head.contentLength,
        timeoutMs: Math.min(claimedTimeoutMs(head.timeoutMs), entry.timeoutMs),
        client: admitted.client,
        tenant: admitted.tenant,
        via: match.via,
        kin: match.kin,
        ownAbove: match.ownAbove,
        host,
      },
      req,
      res,
    );
    if (waitsForWord) res.writeContinue();
    if (head.hasBody) exchange.receive();
    else exchange.start(null);
  }

  /** Checks in the order of their cost; the first that fails speaks. */
  #admit(req: IncomingMessage, peer: Peer, holdings: Holdings): Refusal | Admitted {
    const { tools, directory, synced } = this.#options;
    const { limits } = tools.config;
    const method = req.method as string;
    const raw = req.rawHeaders;
    if (raw.length > limits.headersMax * 2) {
      return new Refusal(tooLarge('headers', limits.headersMax), 431);
    }
    let url = req.url as string;
    if (url.length > limits.urlBytesMax) {
      return new Refusal(tooLarge('url_bytes', limits.urlBytesMax), 414);
    }
    const head = readRequestHead(raw, peer.trusted);
    if (head.refusal !== undefined) return new Refusal(invalid(head.refusal));
    if (!url.startsWith('/')) {
      const absolute = /^http:\/\/([^/?#]+)(.*)$/i.exec(url);
      if (absolute === null) return new Refusal(invalid('the request target must be a path'));
      // RFC 9112: the target's host replaces the header's.
      head.host = absolute[1] as string;
      const rest = absolute[2] as string;
      url = rest.startsWith('/') ? rest : `/${rest}`;
    }
    const host = head.host === undefined ? '' : normaliseHost(head.host);
    if (host === undefined) return new Refusal(invalid('the Host header is not a host name'));
    if (method === 'TRACE' || head.upgrade?.toLowerCase().includes('websocket') === true) {
      const what = head.upgrade ?? method;
      return new Refusal(new PopmeshError('unimplemented', `popmesh does not serve ${what} yet`));
    }
    const match = findFunction(directory, host, url);
    if (match === 'ambiguous') return new Refusal(ambiguous());
    if (match === undefined) return new Refusal(synced() ? notFound(host, url) : notYet());
    const { requestBodyBytesMax } = match.entry;
    if (head.contentLength > requestBodyBytesMax) {
      return new Refusal(bodyTooLarge(requestBodyBytesMax));
    }
    const { ledger } = tools;
    const client = this.#clientOf(peer, head, holdings);
    const tenant = ledger.tenant(match.entry.namespace);
    const full =
      ledger.dispatchRefusal(client, tenant) ??
      (head.hasBody ? ledger.waitRefusal(client, tenant) : undefined);
    return full === undefined ? { head, host, match, client, tenant } : new Refusal(full);
  }

  /** Who is counted: whom a trusted proxy names, else who is at the other end. */
  #clientOf(peer: Peer, { forwardedFor }: RequestHead, holdings: Holdings): Holdings {
    if (!peer.trusted || forwardedFor === undefined) return holdings;
    const { clients, tools } = this.#options;
    const address = clients.clientAddress(peer, forwardedFor);
    return clients.isTrusted(address) ? holdings : tools.ledger.client(address);
  }

  #refuse({ error, status }: Refusal, req: IncomingMessage, res: ServerResponse): void {
    const { traffic, draining } = this.#options.tools;
    traffic.error(error.code);
    traffic.answered(status ?? error.facts.httpStatus, 0);
    sendError(res, error, randomUUID(), {
      // The body of a refused request is not worth reading, and must not be taken for the next one.
      close: hasBody(req) || error.code === 'client_limit_exceeded' || draining(),
      head: req.method === 'HEAD',
      ...(status === undefined ? {} : { status }),
    });
  }

  #place(peer: Peer, head: RequestHead): ClientPlace {
    const { clients } = this.#options;
    if (!peer.trusted) return peer.place;
    if (head.clientLocation !== undefined) {
      const claimed = clients.claimedPlace(head.clientLocation, head.clientCountry);
      if (claimed !== undefined) return claimed;
    }
    if (head.forwardedFor === undefined) return peer.place;
    return clients.placeOf(clients.clientAddress(peer, head.forwardedFor));
  }

  /** Appends to what was kept of the client's own, in place. */
  #headersFor(
    head: RequestHead,
    peer: Peer,
    id: string,
    requestId: string,
    place: ClientPlace,
  ): string[] {
    const { out, host, forwardedFor } = head;
    const scheme = head.forwardedProto === 'https' ? 'https' : 'http';
    const address =
      forwardedFor === undefined
        ? peer.address
        : this.#options.clients.clientAddress(peer, forwardedFor);
    if (host !== undefined) {
      out.push('host', host, 'x-forwarded-host', head.forwardedHost ?? host);
    }
    out.push(
      'x-forwarded-for',
      forwardedFor === undefined ? peer.address : `${forwardedFor}, ${peer.address}`,
      'x-forwarded-proto',
      scheme,
      'popmesh-function',
      id,
      'popmesh-request-id',
      requestId,
      'popmesh-client-key',
      head.clientKey ?? address,
      'popmesh-scheme',
      scheme,
      'popmesh-client-location',
      place.text,
    );
    if (place.country !== undefined) out.push('popmesh-client-country', place.country);
    if (head.contentLength > 0) out.push('content-length', String(head.contentLength));
    return out;
  }
}

/** Statuses that HTTP has and our codes have not (414, 431). */
class Refusal {
  readonly error: PopmeshError;
  readonly status: number | undefined;

  constructor(error: PopmeshError, status?: number) {
    this.error = error;
    this.status = status;
  }
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const claimedTimeoutMs = (claim: string | undefined): number => {
  const ms = Number(claim);
  return ms >= 1 ? ms : Number.POSITIVE_INFINITY;
};

const invalid = (message: string): PopmeshError => new PopmeshError('invalid_argument', message);

const ambiguous = (): PopmeshError =>
  new PopmeshError('invalid_argument', 'the path of the request can be read in two ways', {
    hint: 'Send it without "." and ".." segments, backslashes and "#".',
  });

const tooLarge = (limit: string, max: number): PopmeshError =>
  new PopmeshError('payload_too_large', `the request has more than ${max} ${limit}`, {
    details: { limit, max },
  });

const notYet = (): PopmeshError =>
  new PopmeshError('unavailable', 'this gateway has not learned the functions of its mesh yet');

const notFound = (host: string, url: string): PopmeshError =>
  new PopmeshError('function_not_found', `no function answers at ${host}${url.slice(0, 200)}`, {
    hint: 'Addresses are <function>.<namespace>.<domain>, or /<namespace>/<function>/ on an IP or unknown host; `popmesh list` shows what is deployed.',
  });

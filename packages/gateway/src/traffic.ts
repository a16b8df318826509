import type { Metrics } from '@popmesh/contracts';
import { Holdings } from './holdings.ts';
import type { Route } from './selection.ts';

/**
 * Counts of the request path. Plain numbers while requests run, moved into the
 * real metrics once a second: a labelled counter per request costs more than
 * choosing the node does.
 */
export class Traffic {
  /** By class of status: index 2 is 2xx. */
  readonly #byStatus = [0, 0, 0, 0, 0, 0];
  readonly #byRoute = { nearest: 0, spill: 0, failover: 0 };
  attempts = 0;
  retries = 0;
  retriesDenied = 0;
  ejections = 0;
  clientAborts = 0;
  /** What all clients together hold. */
  readonly total = new Holdings();
  /** Platform errors by code; codes are a closed table. */
  readonly #errors = new Map<string, number>();
  /** What was refused because somebody held too much, by the bound; a closed table as well. */
  readonly #refusals = new Map<string, number>();
  readonly #flush: () => void;
  readonly #observe: (ms: number) => void;

  constructor(metrics: Metrics) {
    const requests = metrics.counter('gateway_requests_total', 'Answered requests', ['status']);
    const routes = metrics.counter('gateway_routes_total', 'Forwarded, by reason', ['route']);
    const attempts = metrics.counter('gateway_attempts_total', 'Tries at data planes');
    const retries = metrics.counter('gateway_retries_total', 'Tries after the first');
    const denied = metrics.counter('gateway_retries_denied_total', 'Retries without budget');
    const ejections = metrics.counter('gateway_ejections_total', 'Data planes ejected');
    const aborts = metrics.counter('gateway_client_aborts_total', 'Clients that left early');
    const errors = metrics.counter('gateway_errors_total', 'Platform errors', ['code']);
    const inFlight = metrics.gauge('gateway_requests_in_flight', 'Requests being served');
    const refusals = metrics.counter(
      'gateway_refusals_total',
      'Connections and requests above a bound of one client, one namespace or all',
      ['reason'],
    );
    const connections = metrics.gauge('gateway_connections', 'Connections of clients');
    const waiting = metrics.gauge('gateway_bodies_waiting', 'Requests that wait for their body');
    const heldBytes = metrics.gauge('gateway_body_bytes_held', 'Bytes of request bodies in memory');
    const seconds = metrics.histogram(
      'gateway_first_byte_seconds',
      'Arrival to response headers',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    );
    this.#observe = (ms) => seconds.observe(ms / 1000);
    const move = (counter: { add(n: number): void }, value: number): 0 => {
      if (value > 0) counter.add(value);
      return 0;
    };
    this.#flush = () => {
      for (let i = 1; i <= 5; i++) {
        const value = this.#byStatus[i] as number;
        if (value > 0) requests.add(value, { status: `${i}xx` });
        this.#byStatus[i] = 0;
      }
      for (const route of ['nearest', 'spill', 'failover'] as const) {
        if (this.#byRoute[route] > 0) routes.add(this.#byRoute[route], { route });
        this.#byRoute[route] = 0;
      }
      for (const [code, value] of this.#errors) errors.add(value, { code });
      this.#errors.clear();
      this.attempts = move(attempts, this.attempts);
      this.retries = move(retries, this.retries);
      this.retriesDenied = move(denied, this.retriesDenied);
      this.ejections = move(ejections, this.ejections);
      this.clientAborts = move(aborts, this.clientAborts);
      for (const [reason, value] of this.#refusals) refusals.add(value, { reason });
      this.#refusals.clear();
      inFlight.set(this.total.inFlight);
      connections.set(this.total.connections);
      waiting.set(this.total.waiting);
      heldBytes.set(this.total.heldBytes);
    };
  }

  answered(status: number, ms: number): void {
    const kind = (status / 100) | 0;
    if (kind >= 1 && kind <= 5) this.#byStatus[kind] = (this.#byStatus[kind] as number) + 1;
    this.#observe(ms);
  }

  routed(route: Route): void {
    this.#byRoute[route] += 1;
  }

  error(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  refused(reason: string): void {
    this.#refusals.set(reason, (this.#refusals.get(reason) ?? 0) + 1);
  }

  get inFlight(): number {
    return this.total.inFlight;
  }

  flush(): void {
    this.#flush();
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { PopmeshError } from '@popmesh/contracts';
import type {
  Deployed,
  DeployedFunction,
  Host,
  LogLine,
  MeshStatus,
  Quota,
  QuotaFigures,
  Rollout,
  Version,
} from './answers.ts';
import type { Context } from './context.ts';
import { tlsHint } from './private-ca.ts';

/**
 * The control API of a mesh, over HTTP. Any node answers for all, so that a
 * call that could not reach one, or that one refused without acting because it is
 * busy or leaving, is made to the next; any other call that was sent is not
 * repeated unless it only reads.
 */

const READ_TIMEOUT_MS = 15_000;
/** An upload is prepared by the node before it answers. */
const CHANGE_TIMEOUT_MS = 120_000;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
/** A node takes a few uploads at once: more deploys than that wait here for their turn. */
const BUSY_WAIT_MS = 60_000;
const BUSY_PAUSE_MS = 100;
const BUSY_PAUSE_MS_MAX = 1000;

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: () => RequestInit['body'];
  readonly json?: unknown;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DeployUpload {
  readonly namespace: string;
  readonly name: string;
  readonly manifest: { readonly label: string; readonly engine: string; readonly config: object };
  readonly component: Uint8Array;
}

export class ControlApi {
  readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  status(signal?: AbortSignal): Promise<MeshStatus> {
    return this.#json({ method: 'GET', path: '/v1/status', signal });
  }

  async list(namespace?: string): Promise<DeployedFunction[]> {
    const { functions } = await this.#json<{ functions: DeployedFunction[] }>({
      method: 'GET',
      path: '/v1/functions',
      query: { namespace },
    });
    return functions;
  }

  get(namespace: string, name: string): Promise<DeployedFunction> {
    return this.#json({ method: 'GET', path: path(namespace, name) });
  }

  async versions(namespace: string, name: string): Promise<Version[]> {
    const { versions } = await this.#json<{ versions: Version[] }>({
      method: 'GET',
      path: `${path(namespace, name)}/versions`,
    });
    return versions;
  }

  deploy(
    { namespace, name, manifest, component }: DeployUpload,
    signal?: AbortSignal,
  ): Promise<Deployed> {
    return this.#json({
      method: 'POST',
      path: `${path(namespace, name)}/versions`,
      body: () => {
        const form = new FormData();
        form.set('manifest', JSON.stringify(manifest));
        const blob = new Blob([new Uint8Array(component)], { type: 'application/wasm' });
        form.set('component', blob, 'component.wasm');
        return form;
      },
      signal,
    });
  }

  rollout(
    namespace: string,
    name: string,
    revision: string,
    signal?: AbortSignal,
  ): Promise<Rollout> {
    return this.#json({
      method: 'GET',
      path: `${path(namespace, name)}/rollout`,
      query: { revision },
      signal,
    });
  }

  rollback(namespace: string, name: string, version?: number): Promise<Deployed> {
    return this.#json({
      method: 'POST',
      path: `${path(namespace, name)}/rollback`,
      json: version === undefined ? {} : { version },
    });
  }

  remove(
    namespace: string,
    name: string,
  ): Promise<{ function: string; deleted: boolean; revision: string; hostsReleased?: string[] }> {
    return this.#json({ method: 'DELETE', path: path(namespace, name) });
  }

  async hosts(namespace?: string): Promise<Host[]> {
    const { hosts } = await this.#json<{ hosts: Host[] }>({
      method: 'GET',
      path: '/v1/hosts',
      query: { namespace },
    });
    return hosts;
  }

  releaseHost(
    host: string,
    { namespace, force }: { readonly namespace?: string; readonly force?: boolean },
  ): Promise<{ host: string; namespace: string; released: boolean }> {
    return this.#json({
      method: 'DELETE',
      path: `/v1/hosts/${encodeURIComponent(host)}`,
      query: { namespace, force: force === true ? 'true' : undefined },
    });
  }

  async quotas(): Promise<Quota[]> {
    const { quotas } = await this.#json<{ quotas: Quota[] }>({
      method: 'GET',
      path: '/v1/quotas',
    });
    return quotas;
  }

  quota(namespace: string): Promise<Quota> {
    return this.#json({ method: 'GET', path: `/v1/quotas/${encodeURIComponent(namespace)}` });
  }

  /** What is left out goes back to the operator's default. */
  setQuota(namespace: string, change: Partial<QuotaFigures>): Promise<Quota> {
    return this.#json({
      method: 'PUT',
      path: `/v1/quotas/${encodeURIComponent(namespace)}`,
      json: change,
    });
  }

  /** Until the mesh or the caller ends it; lines that are not log lines are left out. */
  async *logs(
    filter: { readonly namespace?: string | undefined; readonly function?: string | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<LogLine> {
    const response = await this.#send({
      method: 'GET',
      path: '/v1/logs',
      query: filter,
      timeoutMs: 0,
      signal,
    });
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = (lines.pop() ?? '').slice(0, 1024 * 1024);
      for (const line of lines) {
        const parsed = parseLine(line);
        if (parsed !== undefined) yield parsed;
      }
    }
  }

  async #json<T>(call: Call): Promise<T> {
    const response = await this.#send(call);
    const length = Number(response.headers.get('content-length') ?? 0);
    if (length > ANSWER_BYTES_MAX) {
      await response.body?.cancel();
      throw new PopmeshError('peer_misbehaved', `an answer of ${length} bytes was refused`);
    }
    return (await response.json()) as T;
  }

  async #send(call: Call): Promise<Response> {
    const untilMs = performance.now() + BUSY_WAIT_MS;
    for (let pauseMs = BUSY_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, BUSY_PAUSE_MS_MAX)) {
      try {
        return await this.#sendToAny(call);
      } catch (caught) {
        const isBusy = call.method !== 'GET' && PopmeshError.from(caught).code === 'overloaded';
        if (!isBusy || performance.now() + pauseMs > untilMs) throw caught;
      }
      await sleep(pauseMs, undefined, call.signal === undefined ? {} : { signal: call.signal });
    }
  }

  async #sendToAny(call: Call): Promise<Response> {
    let last: PopmeshError | undefined;
    for (const api of this.context.apis) {
      try {
        return await this.#sendTo(api, call);
      } catch (caught) {
        const error = PopmeshError.from(caught);
        if (!mayAskAnother(error, call)) throw error;
        last = error;
      }
    }
    throw last ?? new PopmeshError('invalid_config', 'no API address');
  }

  async #sendTo(api: string, call: Call): Promise<Response> {
    const url = new URL(`${api}${call.path}`);
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, value);
    }
    const timeoutMs =
      call.timeoutMs ?? (call.method === 'GET' ? READ_TIMEOUT_MS : CHANGE_TIMEOUT_MS);
    const signals = [
      ...(call.signal === undefined ? [] : [call.signal]),
      ...(timeoutMs === 0 ? [] : [AbortSignal.timeout(timeoutMs)]),
    ];
    const { token } = this.context;
    const body = call.json === undefined ? call.body?.() : JSON.stringify(call.json);
    let response: Response;
    try {
      response = await fetch(url, {
        method: call.method,
        headers: {
          accept: 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(call.json === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
        // A token goes to the address that was named, and nowhere else.
        redirect: 'error',
        signal: AbortSignal.any(signals),
      });
    } catch (caught) {
      if (call.signal?.aborted) throw call.signal.reason;
      throw unreached(api, this.context.source, caught, timeoutMs);
    }
    if (response.ok) return response;
    throw await refusal(response, api);
  }
}

const path = (namespace: string, name: string): string =>
  `/v1/functions/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;

/** The node did not answer; `wasSent` when it may have acted all the same. */
class Unreached extends PopmeshError {
  readonly wasSent: boolean;
  constructor(message: string, wasSent: boolean, hint: string, cause: unknown) {
    super('unavailable', message, { hint, cause });
    this.wasSent = wasSent;
  }
}

function mayAskAnother(error: PopmeshError, { method }: Call): boolean {
  if (error instanceof Unreached) return !error.wasSent || method === 'GET';
  return error.code === 'overloaded' || error.code === 'draining';
}

const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

function unreached(api: string, source: string, caught: unknown, timeoutMs: number): Unreached {
  const cause = (caught as { cause?: { code?: string; message?: string } }).cause;
  const timedOut = (caught as Error).name === 'TimeoutError';
  const reason = timedOut
    ? `no answer within ${timeoutMs} ms`
    : (cause?.code ?? cause?.message ?? (caught as Error).message);
  return new Unreached(
    `cannot reach the control API at ${api}: ${reason}`,
    !NEVER_SENT.has(cause?.code ?? ''),
    tlsHint(cause?.code, api) ?? `Is the mesh running? The address comes from ${source}.`,
    caught,
  );
}

async function refusal(response: Response, api: string): Promise<PopmeshError> {
  const text = (await response.text().catch(() => '')).slice(0, 64 * 1024);
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (error !== undefined) return PopmeshError.fromJSON(error, 'internal');
  } catch {
    // Not ours: a proxy's page, or something else that listens there.
  }
  return new PopmeshError(
    response.status === 401 ? 'unauthenticated' : 'unavailable',
    `${api} answered ${response.status} ${response.statusText}, which is no popmesh answer`,
    { hint: 'Check the address of the control API.' },
  );
}

function parseLine(line: string): LogLine | undefined {
  try {
    const value = JSON.parse(line) as LogLine;
    return typeof value.message === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { PopmeshError, silentLogger } from '@popmesh/contracts';
import { realClock, type SupervisedProcess, superviseProcess } from '@popmesh/daemon';
import { GATEWAY_MAIN, NODE_MAIN } from '../commands/daemons.ts';
import {
  type MeshFacts,
  portOf,
  writeGatewayConfig,
  writeNatsConfig,
  writeNodeConfig,
} from './member-configs.ts';
import { ensureNatsServer } from './nats-server/ensure.ts';
import { GATEWAY_ID, PLACES } from './places.ts';
import { isPopmesh, type StateFolder } from './state-folder.ts';

/** nats-server, three nodes and a gateway, each a process of its own, kept running. */

export const NODE_RESTART_MS = 5000;
export const NATS_RESTART_MS = 10_000;
const STOP_GRACE_MS = 8000;
/** On a slow machine four processes and a build begin at once. */
const READY_TIMEOUT_MS = 120_000;
const PROBE_INTERVAL_MS = 25;
const LEFTOVER_TRIES = 400;

export interface LocalMeshEvents {
  /** One line for a person. */
  readonly onNotice: (text: string) => void;
}

export interface NatsFacts {
  readonly version: string;
  readonly source: string;
}

export class LocalMesh {
  readonly #facts: MeshFacts;
  readonly #events: LocalMeshEvents;
  readonly #env: Readonly<Record<string, string>>;
  readonly #members = new Map<string, SupervisedProcess>();
  /** What has not begun by then does not begin. */
  readonly #ending = new AbortController();
  /** Starts that an end waits for, so that nothing is written after it. They never reject. */
  readonly #starts: Promise<unknown>[] = [];

  constructor(
    facts: MeshFacts,
    env: Readonly<Record<string, string | undefined>>,
    events: LocalMeshEvents,
  ) {
    this.#facts = facts;
    this.#events = events;
    this.#env = Object.fromEntries(
      ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ'].flatMap((key) => {
        const value = env[key];
        return value === undefined ? [] : [[key, value]];
      }),
    );
  }

  pidOf(id: string): number | undefined {
    return this.#members.get(id)?.pid;
  }

  /** Resolves when the gateway and every node are ready; NATS is not waited for. */
  async startMembers(): Promise<void> {
    const facts = this.#facts;
    const starts = [
      ...PLACES.map(async (place) =>
        this.#start(place.id, [NODE_MAIN, '--config', await writeNodeConfig(facts, place)]),
      ),
      (async () =>
        this.#start(GATEWAY_ID, [GATEWAY_MAIN, '--config', await writeGatewayConfig(facts)]))(),
    ];
    this.#starts.push(Promise.allSettled(starts));
    await Promise.all(starts);
  }

  get ending(): boolean {
    return this.#ending.signal.aborted;
  }

  startNats(
    env: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): Promise<NatsFacts> {
    const started = this.#startNats(env, AbortSignal.any([signal, this.#ending.signal]));
    this.#starts.push(started.catch(() => {}));
    return started;
  }

  async #startNats(
    env: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): Promise<NatsFacts> {
    const { state, ports } = this.#facts;
    const server = await ensureNatsServer({
      directory: state.at('bin'),
      env,
      signal,
      onProgress: this.#events.onNotice,
    });
    const config = await writeNatsConfig(this.#facts, server.version);
    const port = portOf(ports, 'nats');
    signal.throwIfAborted();
    const nats = superviseProcess({
      name: 'nats-server',
      command: server.path,
      args: ['--config', config],
      env: this.#env,
      detached: true,
      output: { file: state.at('log', 'nats.log') },
      ipc: false,
      probe: (over) => untilAnswers(port, over),
      readyTimeoutMs: READY_TIMEOUT_MS,
      restartDelayMs: NATS_RESTART_MS,
      restartDelayMaxMs: NATS_RESTART_MS,
      ...this.#notices('nats', NATS_RESTART_MS),
      clock: realClock,
      logger: silentLogger,
    });
    this.#members.set('nats', nats);
    await nats.start();
    return { version: server.version, source: server.source };
  }

  async #start(id: string, args: readonly string[]): Promise<void> {
    this.#ending.signal.throwIfAborted();
    const member = superviseProcess({
      name: id,
      command: process.execPath,
      args: ['--disable-warning=ExperimentalWarning', ...args],
      env: this.#env,
      detached: true,
      output: { file: this.#facts.state.at('log', `${id}.log`) },
      ipc: true,
      readyTimeoutMs: READY_TIMEOUT_MS,
      restartDelayMs: NODE_RESTART_MS,
      restartDelayMaxMs: NODE_RESTART_MS,
      ...this.#notices(id, NODE_RESTART_MS),
      clock: realClock,
      logger: silentLogger,
    });
    this.#members.set(id, member);
    await member.start();
  }

  #notices(id: string, delayMs: number) {
    let starts = 0;
    return {
      onReady: () => {
        starts++;
        if (starts > 1) this.#events.onNotice(`${id} is back (pid ${this.pidOf(id) ?? '?'})`);
      },
      onExit: (code: number | null, signal: NodeJS.Signals | null) => {
        if (this.ending || starts === 0) return;
        const how = signal ?? `code ${code}`;
        this.#events.onNotice(`${id} ended (${how}); it is started again in ${delayMs / 1000} s`);
      },
    };
  }

  /** Clients first, then nodes, then what the nodes speak to. */
  async stop(): Promise<void> {
    this.#end();
    await this.#members.get(GATEWAY_ID)?.stop(STOP_GRACE_MS);
    await Promise.all(PLACES.map(({ id }) => this.#members.get(id)?.stop(STOP_GRACE_MS)));
    await this.#members.get('nats')?.stop(STOP_GRACE_MS);
    await Promise.all(this.#starts);
  }

  /** For a second Ctrl-C: nothing is drained. */
  kill(): void {
    this.#end();
    for (const member of this.#members.values()) member.kill('SIGKILL');
  }

  #end(): void {
    this.#ending.abort(new PopmeshError('cancelled', 'the mesh is being ended'));
  }
}

/**
 * Ends a nats-server whose dev was killed outright: nodes end with their parent,
 * it does not. Before ports are chosen, so that its port is free again.
 */
export async function endLeftoverNats(state: StateFolder): Promise<void> {
  const pid = Number(await readFile(state.at('nats', 'pid'), 'utf8').catch(() => ''));
  const mark = state.at('nats', 'nats-server.conf');
  if (!(pid > 0) || !isPopmesh(pid, mark)) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It went by itself in between.
  }
  for (let tries = 0; tries < LEFTOVER_TRIES && isPopmesh(pid, mark); tries++) {
    await realClock.sleep(PROBE_INTERVAL_MS);
  }
}

/** nats-server greets every connection; that it listens is not enough. */
async function untilAnswers(port: number, signal: AbortSignal): Promise<Record<string, unknown>> {
  for (;;) {
    signal.throwIfAborted();
    const greeted = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      const end = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket.once('data', (data) => end(data.toString('latin1').startsWith('INFO')));
      socket.once('error', () => end(false));
      socket.setTimeout(1000, () => end(false));
    });
    if (greeted) return {};
    await realClock.sleep(PROBE_INTERVAL_MS, signal);
  }
}

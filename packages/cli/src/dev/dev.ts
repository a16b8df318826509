import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildResult, MANIFEST_FILE } from '@popmesh/builder';
import { PopmeshError, untilAborted } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import type { ContextFile } from '../control/context.ts';
import { ControlApi } from '../control/control-api.ts';
import { issueToken } from '../mesh-keys/token.ts';
import { neutralise } from '../terminal/neutralise.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { durationText } from '../terminal/words.ts';
import { Deployments, type Served } from './deployments.ts';
import { untilGatewayKnows } from './gateway-view.ts';
import { endLeftoverNats, LocalMesh } from './local-mesh.ts';
import { apiOfPlace, type MeshFacts, PORT_NAMES, portOf } from './member-configs.ts';
import { GATEWAY_ID, PLACES } from './places.ts';
import { choosePorts, requirePort } from './ports.ts';
import { functionUrl, showScreen } from './screen.ts';
import { lockState, StateFolder } from './state-folder.ts';
import { watchFolder } from './watch-folder.ts';

/** `popmesh dev`: the real daemons on this computer, from nothing to serving, until Ctrl-C. */

const EXAMPLES = fileURLToPath(new URL('../../../../examples/', import.meta.url));
const EXAMPLE_NAMES = ['hello-js', 'hono-app', 'hello-rust'];
const TOKEN_LIFE_S = 30 * 86_400;
const RESUME_TIMEOUT_MS = 10_000;
const RESUME_POLL_MS = 50;

export interface DevOptions {
  readonly cwd: string;
  readonly state: string;
  readonly host: string;
  readonly port: number;
  readonly fresh: boolean;
  /** Absent: this folder's function when there is one, else the examples. */
  readonly deploy: readonly string[] | undefined;
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Run {
  readonly options: DevOptions;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Resolves when everything has ended after `signal`; `onMesh` gets what a forced end kills. */
export async function runDev(
  options: DevOptions,
  terminal: Terminal,
  signal: AbortSignal,
  onMesh: (mesh: LocalMesh) => void,
): Promise<void> {
  const startedMs = performance.now();
  const state = new StateFolder(options.state);
  const unlock = await lockState(state);
  let mesh: LocalMesh | undefined;
  const closers: (() => Promise<void>)[] = [];
  try {
    await endLeftoverNats(state);
    if (options.fresh) await state.wipe();
    await state.prepare();
    await requirePort(options.port, options.host);
    const facts = await meshFacts(state, options);
    mesh = new LocalMesh(facts, options.env, { onNotice: (text) => terminal.say(`  ${text}`) });
    onMesh(mesh);
    await serve({ options, terminal, signal }, facts, mesh, startedMs, closers);
    await aborted(signal);
  } catch (caught) {
    if (!signal.aborted) throw caught;
  } finally {
    if (signal.aborted) terminal.say('\nending…');
    for (const close of closers) await close();
    await mesh?.stop();
    unlock();
  }
  terminal.say('ended; nothing is left running');
}

async function meshFacts(state: StateFolder, options: DevOptions): Promise<MeshFacts> {
  const [root, ports] = await Promise.all([state.rootKey(), choosePorts(state, PORT_NAMES)]);
  const kept = state.readJson<{ natsToken?: string }>({}, 'dev', 'secrets.json');
  const natsToken = kept.natsToken ?? randomBytes(24).toString('base64url');
  await state.writeJson({ natsToken }, 'dev', 'secrets.json');
  const { token } = await issueToken(
    root.privateKey,
    { subject: 'dev', namespaces: ['*'], lifeS: TOKEN_LIFE_S },
    Date.now(),
  );
  const context: ContextFile = {
    apis: PLACES.map((place) => apiOfPlace(ports, place)),
    token,
    gateway: gatewayUrl(options),
    domain: 'localhost',
  };
  await state.writeJson(context, 'context.json');
  return { state, root, ports, natsToken, gateway: { host: options.host, port: options.port } };
}

const gatewayUrl = ({ host, port }: DevOptions): string => {
  const shown = ['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host) ? '127.0.0.1' : host;
  return `http://${shown}:${port}`;
};

function foldersToDeploy({ cwd, deploy }: DevOptions): string[] {
  if (deploy !== undefined) return deploy.map((folder) => resolve(cwd, folder));
  if (existsSync(join(cwd, MANIFEST_FILE))) return [cwd];
  return EXAMPLE_NAMES.map((name) => join(EXAMPLES, name)).filter((folder) =>
    existsSync(join(folder, MANIFEST_FILE)),
  );
}

async function serve(
  run: Run,
  facts: MeshFacts,
  mesh: LocalMesh,
  startedMs: number,
  closers: (() => Promise<void>)[],
): Promise<void> {
  const { options, terminal, signal } = run;
  const { state } = facts;
  const context = state.readJson<ContextFile | undefined>(undefined, 'context.json');
  if (context === undefined)
    throw new PopmeshError('storage_failed', `cannot read back ${state.at('context.json')}`);
  const api = new ControlApi({
    apis: context.apis,
    token: context.token,
    gateway: context.gateway,
    domain: context.domain,
    source: state.at('context.json'),
  });
  const deployments = new Deployments(state, api);
  const folders = foldersToDeploy(options);
  terminal.say(`starting ${PLACES.length} nodes, a gateway and NATS in ${state.path}`);

  let natsText = 'NATS is on its way';
  const nats = mesh.startNats(options.env, signal).then(
    ({ version, source }) => {
      natsText = `NATS ${version}`;
      terminal.say(`  NATS ${version} (${source})`);
    },
    (caught: unknown) => {
      if (signal.aborted || mesh.ending) return;
      natsText = 'no NATS';
      const { message, hint } = PopmeshError.from(caught);
      terminal.warn(
        `going on without NATS, by gossip alone: ${message}${hint ? `\n  ${hint}` : ''}`,
      );
    },
  );
  // Building takes as long as starting, so a first run does both at once.
  const early = new Map(
    folders
      .filter((folder) => deployments.remembered(folder) === undefined)
      .map((folder) => [folder, deployments.build(folder, signal)] as const),
  );
  for (const built of early.values()) built.catch(() => {});
  await untilAborted(mesh.startMembers(), signal);
  signal.throwIfAborted();
  terminal.say(`  nodes and gateway ready after ${durationText(performance.now() - startedMs)}`);

  const fromDisk = await resumed(deployments, api, folders, signal);
  const served = new Map<string, { function: string; version: number }>(fromDisk);
  const deployOne = async (folder: string): Promise<void> => {
    const building = early.get(folder) ?? deployments.build(folder, signal);
    early.delete(folder);
    const done = await deployShown(run, deployments, folder, building);
    if (done !== undefined) served.set(folder, done);
  };
  const refresh = Promise.all(folders.map(deployOne));
  closers.push(() =>
    refresh.then(
      () => {},
      () => {},
    ),
  );
  // What is on disk is served already; whether its source has changed is found out meanwhile.
  if (fromDisk.size < folders.length) await refresh;
  else refresh.catch(() => {});
  signal.throwIfAborted();

  await untilGatewayKnows(api, portOf(facts.ports, 'gateway-admin'), signal);
  await Promise.race([nats, realClock.sleep(1000, signal)]);
  const readyMs = Math.round(performance.now() - startedMs);
  const inOrder = folders.flatMap((folder) => served.get(folder) ?? []);
  report(run, mesh, facts, readyMs, inOrder, natsText);
  for (const folder of folders) {
    closers.push(
      watchFolder(
        folder,
        () => deployOne(folder).catch(() => {}),
        (error) => terminal.warn(`${folder} is not watched: ${PopmeshError.from(error).message}`),
      ),
    );
  }
}

/** Functions of an earlier run that every node serves from its disk. */
async function resumed(
  deployments: Deployments,
  api: ControlApi,
  folders: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, { function: string; version: number }>> {
  const wanted = folders.flatMap((folder) => {
    const held = deployments.remembered(folder);
    return held === undefined ? [] : [{ folder, ...held }];
  });
  const found = new Map<string, { function: string; version: number }>();
  if (wanted.length === 0) return found;
  const deadlineMs = performance.now() + RESUME_TIMEOUT_MS;
  while (found.size < wanted.length && performance.now() < deadlineMs) {
    const functions = await api.list().catch(() => []);
    const known = new Map(functions.map((fn) => [fn.function, fn]));
    // Gone from the mesh, by `popmesh delete`: deployed again below.
    if (functions.length > 0 && wanted.some((fn) => !known.has(fn.function))) break;
    for (const { folder, function: id, version } of wanted) {
      if ((known.get(id)?.readyOn.length ?? 0) >= PLACES.length) {
        found.set(folder, { function: id, version: known.get(id)?.version ?? version });
      }
    }
    if (found.size < wanted.length) await realClock.sleep(RESUME_POLL_MS, signal);
  }
  return found;
}

/** Undefined when it could not be built or deployed: the mesh is of use without it. */
async function deployShown(
  { terminal, signal }: Run,
  deployments: Deployments,
  folder: string,
  building: Promise<BuildResult>,
): Promise<Served | undefined> {
  try {
    const built = await building;
    const startedMs = performance.now();
    for (const warning of built.warnings) terminal.warn(warning);
    const served = await deployments.deploy(folder, built, signal);
    if (served.outcome === 'deployed') {
      const places = served.nodes
        .map(({ pop, state }) => `${pop} ${state === 'ready' ? '✓' : state}`)
        .join('  ');
      terminal.say(
        `  ${served.function} v${served.version}  ${places}  ${durationText(performance.now() - startedMs)}`,
      );
    }
    return served;
  } catch (caught) {
    if (signal.aborted) return undefined;
    const { message, hint } = PopmeshError.from(caught);
    terminal.warn(`${folder}: ${neutralise(message)}${hint ? `\n  hint: ${hint}` : ''}`);
    return undefined;
  }
}

function report(
  { options, terminal }: Run,
  mesh: LocalMesh,
  facts: MeshFacts,
  readyMs: number,
  functions: readonly { function: string; version: number }[],
  nats: string,
): void {
  const gateway = gatewayUrl(options);
  const pids = Object.fromEntries(
    [...PLACES.map(({ id }) => id), GATEWAY_ID, 'nats'].map((id) => [id, mesh.pidOf(id)]),
  );
  if (!terminal.json) {
    const statePath = facts.state.path;
    showScreen(terminal, {
      readyMs,
      gateway,
      functions,
      pids,
      nats,
      statePath,
      command: options.command,
    });
    return;
  }
  terminal.printJson({
    ready: true,
    readyMs,
    gateway,
    apis: PLACES.map((place) => apiOfPlace(facts.ports, place)),
    state: facts.state.path,
    context: join(dirname(facts.state.at('dev')), 'context.json'),
    nodes: PLACES.map((place) => ({
      id: place.id,
      pop: place.code,
      pid: pids[place.id],
      api: apiOfPlace(facts.ports, place),
    })),
    gatewayPid: pids[GATEWAY_ID],
    natsPid: pids.nats,
    functions: functions.map(({ function: fn, version }) => ({
      function: fn,
      version,
      url: functionUrl(gateway, fn),
    })),
  });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener('abort', () => done(), { once: true });
  });

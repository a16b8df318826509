import { mkdir, writeFile } from 'node:fs/promises';
import { isWildcard } from '@popmesh/daemon';
import type { KeyPair } from '@popmesh/protocol';
import { stringify } from 'smol-toml';
import { base64url } from '../mesh-keys/key-files.ts';
import { knowsSyncInterval } from './nats-server/find.ts';
import { GATEWAY_ID, PLACES, type Place } from './places.ts';
import type { Ports } from './ports.ts';
import type { StateFolder } from './state-folder.ts';

/** The configuration files of the local mesh: the same that an operator would write. */

const HOST = '127.0.0.1';
const DOMAIN = 'localhost';
/** Everything goes at once on Ctrl-C, so nobody has to hear of it first. */
const DRAIN = { notice_ms: 100, timeout_ms: 5000 };

export interface MeshFacts {
  readonly state: StateFolder;
  readonly root: KeyPair;
  readonly ports: Ports;
  readonly natsToken: string;
  readonly gateway: { readonly host: string; readonly port: number };
}

export const PORT_NAMES: readonly string[] = [
  'nats',
  'gateway-mesh',
  'gateway-admin',
  ...PLACES.flatMap(({ id }) => [`${id}-api`, `${id}-mesh`]),
];

export const portOf = (ports: Ports, name: string): number => ports[name] ?? 0;
export const apiOfPlace = (ports: Ports, { id }: Place): string =>
  `http://${HOST}:${portOf(ports, `${id}-api`)}`;

const seeds = (ports: Ports): string[] =>
  PLACES.map(({ id }) => `${HOST}:${portOf(ports, `${id}-mesh`)}`);

async function write(facts: MeshFacts, id: string, config: object): Promise<string> {
  const { state, root, ports } = facts;
  await mkdir(state.at('nodes', id, 'data'), { recursive: true });
  const file = state.at('nodes', id, 'config.toml');
  const text = stringify({
    id,
    data_dir: 'data',
    ...config,
    mesh: {
      root_public_key: base64url(root.publicKey),
      identity_file: await state.identity(root, id),
      seeds: seeds(ports),
    },
    // All members share this computer: a dead one is known in 2 s instead of 4.
    gossip: { profile: 'local' },
    drain: DRAIN,
  });
  await writeFile(file, `# Written by popmesh dev at each start.\n${text}\n`, { mode: 0o600 });
  return file;
}

/** Answers the file. */
export function writeNodeConfig(facts: MeshFacts, place: Place): Promise<string> {
  const { ports, natsToken } = facts;
  const { id, code, name, region, latitude, longitude } = place;
  return write(facts, id, {
    data_dir: facts.state.at('nodes', id, 'data'),
    pop: { code, name, region, latitude, longitude },
    listen: {
      host: HOST,
      api_port: portOf(ports, `${id}-api`),
      mesh_port: portOf(ports, `${id}-mesh`),
    },
    hosts: { domain: DOMAIN },
    nats: { url: `nats://${HOST}:${portOf(ports, 'nats')}`, token: natsToken },
  });
}

export function writeGatewayConfig(facts: MeshFacts): Promise<string> {
  const { ports, gateway } = facts;
  const home = PLACES[0] as Place;
  return write(facts, GATEWAY_ID, {
    data_dir: facts.state.at('nodes', GATEWAY_ID, 'data'),
    domain: DOMAIN,
    trusted_proxies: ['127.0.0.1/32', '::1/128'],
    listen: {
      host: gateway.host,
      port: gateway.port,
      // What is told to others; nobody connects to "every address".
      ...(isWildcard(gateway.host) ? { advertise_host: HOST } : {}),
      mesh_port: portOf(ports, 'gateway-mesh'),
      admin_port: portOf(ports, 'gateway-admin'),
    },
    location: { latitude: home.latitude, longitude: home.longitude },
  });
}

export async function writeNatsConfig(facts: MeshFacts, version: string): Promise<string> {
  const { state, ports, natsToken } = facts;
  const file = state.at('nats', 'nats-server.conf');
  const sync = knowsSyncInterval(version) ? '\n  sync_interval: always' : '';
  const text = `# Written by popmesh dev at each start.
listen: "${HOST}:${portOf(ports, 'nats')}"
server_name: "popmesh-dev"
pid_file: ${JSON.stringify(state.at('nats', 'pid'))}
authorization { token: "${natsToken}" }
jetstream {
  store_dir: ${JSON.stringify(state.at('nats', 'store'))}
  max_file_store: 2GB
  max_memory_store: 64MB${sync}
}
`;
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

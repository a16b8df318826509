import type { Command } from 'commander';
import { apiOf, ExitWith, type Surroundings, terminalOf } from '../command-line.ts';
import type { MeshStatus } from '../control/answers.ts';
import { EXIT } from '../exit-codes.ts';
import { neutraliseLine } from '../terminal/neutralise.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** Clocks are never quite the same; less than this is no news. */
const CLOCK_SHOWN_MS = 1000;

export function registerStatus(program: Command, around: Surroundings): void {
  program
    .command('status')
    .description('nodes, gateways and NATS, as one node of the mesh sees them')
    .addHelpText(
      'after',
      `
Examples:
  popmesh status
  popmesh status --json | jq '.nodes[].state'

Ends with 4 when a member is dead, a node or gateway is not ready, or JetStream is
unwell; the reasons are printed, and are \`problems\` in --json.`,
    )
    .action(async (_options: object, command: Command) => {
      const terminal = terminalOf(command, around);
      const status = statusFacts(await apiOf(command, around, terminal).status());
      if (terminal.json) terminal.printJson(status);
      else show(status, terminal);
      if (status.problems.length > 0) throw new ExitWith(EXIT.unwell);
    });
}

function show(status: ReturnType<typeof statusFacts>, terminal: Terminal): void {
  terminal.table(
    ['NODE', 'POP', 'REGION', 'LOCATION', 'STATE', 'PID', 'FUNCTIONS', 'LOAD', 'VERSION'],
    status.nodes.map((node) => [
      node.id,
      node.pop,
      node.region,
      `${node.location.lat.toFixed(2)},${node.location.lon.toFixed(2)}`,
      node.state,
      String(node.pid ?? ''),
      String(node.functionsReady),
      `${Math.round(node.load * 100)} %`,
      node.version ?? '',
    ]),
  );
  terminal.print();
  terminal.table(
    ['GATEWAY', 'ADDRESS', 'STATE', 'PID', 'VERSION'],
    status.gateways.map(({ id, address, state, pid, version }) => [
      id,
      address,
      state,
      String(pid ?? ''),
      version ?? '',
    ]),
  );
  terminal.print();
  terminal.print(natsLine(status.nats));
  for (const { id, clockAheadMs, cgroup } of status.nodes) {
    if (clockAheadMs !== undefined && Math.abs(clockAheadMs) >= CLOCK_SHOWN_MS)
      terminal.print(
        `${id}: its clock is ${Math.abs(clockAheadMs)} ms ${clockAheadMs > 0 ? 'ahead of' : 'behind'} the others`,
      );
    if (cgroup !== undefined) terminal.print(`${id}: control group: ${cgroup}`);
  }
  if (status.problems.length === 0) return;
  terminal.print();
  for (const problem of status.problems)
    terminal.print(`${terminal.style('red', 'unwell:')} ${neutraliseLine(problem)}`);
}

function natsLine({ connected, version, enabled, problem }: MeshStatus['nats']): string {
  if (enabled === false) return 'NATS is not used';
  if (!connected) return 'NATS not connected';
  const named = `NATS connected${version ? `, ${version}` : ''}`;
  return problem === undefined ? named : `${named}, but JetStream is unwell`;
}

/** The documented shape: what else the API says is for machines of the mesh. */
export function statusFacts(status: MeshStatus) {
  return {
    nodes: status.nodes.map((node) => ({
      id: node.id,
      pop: node.pop,
      region: node.region,
      location: { lat: node.location.lat, lon: node.location.lon },
      state: node.state,
      functionsReady: node.functionsReady,
      load: node.load,
      ...given(node, 'pid', 'version', 'notReadyReason', 'clockAheadMs', 'cgroup'),
    })),
    gateways: status.gateways.map((gateway) => ({
      id: gateway.id,
      address: gateway.address,
      state: gateway.state,
      ...given(gateway, 'pid', 'version', 'domain'),
    })),
    nats: {
      connected: status.nats.connected,
      version: status.nats.version ?? null,
      ...given(status.nats, 'enabled', 'problem'),
    },
    problems: [...(status.problems ?? [])],
  };
}

/** Of these keys, those that have a value. */
const given = <T extends object, K extends keyof T>(
  from: T,
  ...keys: readonly K[]
): Partial<Pick<T, K>> =>
  Object.fromEntries(
    keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]),
  ) as Partial<Pick<T, K>>;

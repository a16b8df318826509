import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import type { MeshStatus } from '../control/answers.ts';

export function registerStatus(program: Command, around: Surroundings): void {
  program
    .command('status')
    .description('nodes, gateways and NATS, as one node of the mesh sees them')
    .addHelpText(
      'after',
      "\nExamples:\n  popmesh status\n  popmesh status --json | jq '.nodes[].state'",
    )
    .action(async (_options: object, command: Command) => {
      const terminal = terminalOf(command, around);
      const status = statusFacts(await apiOf(command, around, terminal).status());
      if (terminal.json) return terminal.printJson(status);
      terminal.table(
        ['NODE', 'POP', 'REGION', 'LOCATION', 'STATE', 'PID', 'FUNCTIONS', 'LOAD'],
        status.nodes.map((node) => [
          node.id,
          node.pop,
          node.region,
          `${node.location.lat.toFixed(2)},${node.location.lon.toFixed(2)}`,
          node.state,
          String(node.pid ?? ''),
          String(node.functionsReady),
          `${Math.round(node.load * 100)} %`,
        ]),
      );
      terminal.print();
      terminal.table(
        ['GATEWAY', 'ADDRESS', 'STATE', 'PID'],
        status.gateways.map(({ id, address, state, pid }) => [
          id,
          address,
          state,
          String(pid ?? ''),
        ]),
      );
      const { connected, version } = status.nats;
      terminal.print();
      terminal.print(
        `NATS ${connected ? `connected${version ? `, ${version}` : ''}` : 'not connected'}`,
      );
    });
}

/** The documented shape: what else the API says is for machines of the mesh. */
export function statusFacts(status: MeshStatus) {
  return {
    nodes: status.nodes.map(({ id, pop, region, location, state, pid, functionsReady, load }) => ({
      id,
      pop,
      region,
      location: { lat: location.lat, lon: location.lon },
      state,
      ...(pid === undefined ? {} : { pid }),
      functionsReady,
      load,
    })),
    gateways: status.gateways.map(({ id, address, state, pid }) => ({
      id,
      address,
      state,
      ...(pid === undefined ? {} : { pid }),
    })),
    nats: { connected: status.nats.connected, version: status.nats.version ?? null },
  };
}

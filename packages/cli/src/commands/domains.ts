import { hostNameOf, PopmeshError } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import type { RouteOff } from '../control/answers.ts';
import { neutraliseLine } from '../terminal/neutralise.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { agoText } from '../terminal/words.ts';

export function registerDomains(program: Command, around: Surroundings): void {
  const domains = program
    .command('domains')
    .description('custom hosts that namespaces have claimed with their routes');

  domains
    .command('list')
    .alias('ls')
    .description('hosts, whose they are, and what names them')
    .option('-n, --namespace <namespace>', 'of this namespace only')
    .addHelpText(
      'after',
      '\nExamples:\n  popmesh domains list\n  popmesh domains list -n acme --json',
    )
    .action(async (options: { namespace?: string }, command: Command) => {
      const terminal = terminalOf(command, around);
      const hosts = await apiOf(command, around, terminal).hosts(options.namespace);
      if (terminal.json) return terminal.printJson({ hosts });
      if (hosts.length === 0) {
        return terminal.say(
          'no custom hosts yet: a deploy with `routes` in popmesh.toml claims them',
        );
      }
      terminal.table(
        ['HOST', 'NAMESPACE', 'STATE', 'CLAIMED', 'BY', 'FUNCTIONS', 'OLDER VERSIONS OF'],
        hosts.map((host) => [
          host.host,
          host.namespace,
          stateText(host),
          agoText(host.claimedAtMs, around.now()),
          host.claimedBy,
          host.functions.join(' '),
          host.olderVersionsOf.join(' '),
        ]),
      );
    });

  domains
    .command('release')
    .description('give a host up, so that another namespace may claim it')
    .argument('<host>', 'such as shop.example.com')
    .option('-n, --namespace <namespace>', 'whose claim, where the token may release several')
    .option('--force', 'although a live function names the host: its route is switched off')
    .addHelpText(
      'after',
      '\nExamples:\n  popmesh domains release shop.example.com\n  popmesh domains release shop.example.com --namespace acme --force',
    )
    .action(
      async (text: string, options: { namespace?: string; force?: boolean }, command: Command) => {
        const terminal = terminalOf(command, around);
        const host = hostNameOf(text);
        if (host === undefined) {
          throw new PopmeshError(
            'invalid_argument',
            `${JSON.stringify(text.slice(0, 80))} is not a host name`,
          );
        }
        const done = await apiOf(command, around, terminal).releaseHost(host, options);
        if (terminal.json) terminal.printJson(done);
        else terminal.print(`released ${done.host} of ${done.namespace}`);
      },
    );
}

const stateText = ({
  state,
  claims,
}: {
  readonly state: string;
  readonly claims: number;
}): string => (claims > 1 ? `${state}, ${claims} claims` : state);

const REASONS: Readonly<Record<string, string>> = {
  taken: 'the host belongs to another namespace',
  unclaimed: 'the host was released; deploy again to claim it',
  not_routable: 'not a host that can be routed',
};

/** One warning for each route that nobody serves. */
export function warnOfRoutesOff(
  terminal: Terminal,
  fn: string,
  routes: readonly RouteOff[] | undefined,
): void {
  for (const { host, path, reason } of terminal.json ? [] : (routes ?? [])) {
    const why = REASONS[reason] ?? reason;
    terminal.warn(neutraliseLine(`${fn}: the route ${host}${path} is switched off: ${why}`));
  }
}

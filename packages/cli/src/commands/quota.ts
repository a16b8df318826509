import { PopmeshError } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf, wholeNumber } from '../command-line.ts';
import type { Quota, QuotaFigures } from '../control/answers.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** What namespaces may have in all, and what they have. */

const FIGURES = ['functions', 'versionsKept', 'storedMb', 'hosts'] as const;

interface SetOptions {
  readonly functions?: number;
  readonly versions?: number;
  readonly storedMb?: number;
  readonly hosts?: number;
  readonly default?: boolean;
}

export function registerQuota(program: Command, around: Surroundings): void {
  const quota = program
    .command('quota')
    .description('what namespaces may have in all, and what they have')
    .argument('[namespace]', 'this one only')
    .addHelpText('after', '\nExamples:\n  popmesh quota\n  popmesh quota acme --json')
    .action(async (namespace: string | undefined, _: unknown, command: Command) => {
      const terminal = terminalOf(command, around);
      const api = apiOf(command, around, terminal);
      const quotas = namespace === undefined ? await api.quotas() : [await api.quota(namespace)];
      if (terminal.json) return terminal.printJson({ quotas });
      show(terminal, quotas);
    });

  quota
    .command('set')
    .description('as an operator: what a namespace may have; the rest goes by node.toml')
    .argument('<namespace>')
    .option('--functions <number>', 'functions', wholeNumber)
    .option('--versions <number>', 'versions kept of each function, at most 20', wholeNumber)
    .option('--stored-mb <number>', 'megabytes of all kept versions', wholeNumber)
    .option('--hosts <number>', 'custom hosts', wholeNumber)
    .option('--default', 'everything by node.toml again')
    .addHelpText(
      'after',
      '\nNeeds a token for all namespaces with the scope "admin".\n\nExamples:\n  popmesh quota set acme --functions 50 --stored-mb 500\n  popmesh quota set acme --default',
    )
    .action(async (namespace: string, options: SetOptions, command: Command) => {
      const terminal = terminalOf(command, around);
      const change = changeOf(options);
      if ((Object.keys(change).length === 0) !== (options.default === true)) {
        throw new PopmeshError('invalid_argument', 'say what to set, or --default', {
          hint: 'Such as --functions 50 --versions 10 --stored-mb 500 --hosts 20.',
        });
      }
      const done = await apiOf(command, around, terminal).setQuota(namespace, change);
      if (terminal.json) terminal.printJson(done);
      else show(terminal, [done]);
    });
}

function changeOf(options: SetOptions): Partial<QuotaFigures> {
  const given: readonly [keyof QuotaFigures, number | undefined][] = [
    ['functions', options.functions],
    ['versionsKept', options.versions],
    ['storedMb', options.storedMb],
    ['hosts', options.hosts],
  ];
  return Object.fromEntries(
    given.flatMap(([name, figure]) => (figure === undefined ? [] : [[name, figure]])),
  );
}

function show(terminal: Terminal, quotas: readonly Quota[]): void {
  if (quotas.length === 0) {
    terminal.say('no namespaces yet');
    return;
  }
  terminal.table(
    ['NAMESPACE', 'FUNCTIONS', 'VERSIONS KEPT', 'STORED MB', 'HOSTS', 'SET BY'],
    quotas.map(({ namespace, used, allowed, isDefault, setBy }) => [
      namespace,
      ...FIGURES.map((name) => `${used[name]} of ${allowed[name]}`),
      isDefault ? 'default' : (setBy ?? ''),
    ]),
  );
}

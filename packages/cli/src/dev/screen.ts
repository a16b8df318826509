import type { Terminal } from '../terminal/terminal.ts';
import { durationText } from '../terminal/words.ts';
import { CITIES, PLACES } from './places.ts';

/** What a person sees when the local mesh is up: where to look, what to try. */

export interface ScreenFacts {
  readonly readyMs: number;
  readonly gateway: string;
  readonly functions: readonly { readonly function: string; readonly version: number }[];
  readonly pids: Readonly<Record<string, number | undefined>>;
  readonly nats: string;
  readonly statePath: string;
  /** How the command line is called here. */
  readonly command: string;
}

export function functionUrl(gateway: string, fn: string): string {
  const [namespace = '', name = ''] = fn.split('/');
  const { protocol, port } = new URL(gateway);
  const label = namespace === 'default' ? name : `${name}.${namespace}`;
  return `${protocol}//${label}.localhost${port === '' ? '' : `:${port}`}/`;
}

export function showScreen(terminal: Terminal, facts: ScreenFacts): void {
  const { functions, gateway, pids } = facts;
  const bold = (text: string) => terminal.style('bold', text);
  const dim = (text: string) => terminal.style('dim', text);
  const cyan = (text: string) => terminal.style('cyan', text);
  terminal.print();
  terminal.print(
    `${bold(terminal.style('green', 'popmesh is up'))} in ${durationText(facts.readyMs)}: ${PLACES.map(({ name }) => name).join(', ')}; gateway ${gateway}; ${facts.nats}`,
  );
  terminal.print();
  const longest = Math.max(...functions.map(({ function: fn }) => fn.length), 0);
  for (const { function: fn, version } of functions) {
    terminal.print(`  ${fn.padEnd(longest)}  v${version}  ${cyan(functionUrl(gateway, fn))}`);
  }
  const first = functions[0];
  if (first !== undefined) {
    terminal.print();
    terminal.print(dim('Ask as if from three cities; popmesh-pop says which place answered:'));
    for (const { name, location } of CITIES) {
      terminal.print(
        `  curl -i -H 'popmesh-client-location: ${location}' ${functionUrl(gateway, first.function)}   ${dim(`# ${name}`)}`,
      );
    }
  }
  terminal.print();
  terminal.print(
    dim('Kill a place and ask again: the next one answers, and it is back in a few seconds:'),
  );
  terminal.print(
    `  kill -9 ${pids['sin-1'] ?? '<pid>'}   ${dim(
      `# Singapore; ${PLACES.filter(({ id }) => id !== 'sin-1')
        .map(({ id, name }) => `${name} ${pids[id] ?? '?'}`)
        .join(', ')}, NATS ${pids.nats ?? '?'}`,
    )}`,
  );
  terminal.print();
  terminal.print(dim('Deploy your own, from another terminal in this folder:'));
  terminal.print(`  ${facts.command} init my-function && ${facts.command} deploy my-function`);
  terminal.print();
  terminal.print(dim(`Logs are in ${facts.statePath}/log. Ctrl-C ends everything.`));
}

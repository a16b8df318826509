import { createRequire } from 'node:module';
import type { Command } from 'commander';
import { type Surroundings, terminalOf } from '../command-line.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

export function registerVersion(program: Command, around: Surroundings): void {
  program
    .command('version')
    .description('version of popmesh and of what runs it')
    .action((_options: object, command: Command) => {
      const terminal = terminalOf(command, around);
      const facts = { popmesh: version, node: process.versions.node, v8: process.versions.v8 };
      if (terminal.json) return terminal.printJson(facts);
      terminal.print(`popmesh ${facts.popmesh} (Node.js ${facts.node}, V8 ${facts.v8})`);
    });
}

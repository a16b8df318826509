import { parseFunctionId } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import { agoText, bytesText } from '../terminal/words.ts';

export function registerVersions(program: Command, around: Surroundings): void {
  program
    .command('versions')
    .description('versions of a function that are still held')
    .argument('<function>', 'name or namespace/name')
    .addHelpText(
      'after',
      '\nExamples:\n  popmesh versions hello\n  popmesh versions acme/shop --json',
    )
    .action(async (fn: string, _options: object, command: Command) => {
      const terminal = terminalOf(command, around);
      const { namespace, name } = parseFunctionId(fn);
      const versions = await apiOf(command, around, terminal).versions(namespace, name);
      if (terminal.json) return terminal.printJson({ function: `${namespace}/${name}`, versions });
      terminal.table(
        ['VERSION', 'LABEL', 'LIVE', 'CREATED', 'BY', 'ENGINE', 'SIZE', 'DIGEST'],
        versions.map((version) => [
          String(version.version),
          version.label,
          version.live ? `${version.weight}` : '',
          agoText(version.createdAtMs, around.now()),
          version.createdBy,
          version.engine,
          bytesText(version.sizeBytes),
          version.digest.slice(0, 12),
        ]),
      );
    });
}

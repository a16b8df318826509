import { parseFunctionId } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import { neutraliseLine } from '../terminal/neutralise.ts';
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
      const api = apiOf(command, around, terminal);
      const versions = await api.versions(namespace, name);
      const { notices = [] } = await api.get(namespace, name);
      if (terminal.json) {
        return terminal.printJson({ function: `${namespace}/${name}`, versions, notices });
      }
      terminal.table(
        ['VERSION', 'LABEL', 'LIVE', 'CREATED', 'BY', 'ENGINE', 'SIZE', 'DIGEST'],
        versions.map((version) => [
          version.was === undefined
            ? String(version.version)
            : `${version.version} (was ${version.was})`,
          version.label,
          version.live ? `${version.weight}` : '',
          agoText(version.createdAtMs, around.now()),
          version.createdBy,
          version.engine,
          bytesText(version.sizeBytes),
          version.digest.slice(0, 12),
        ]),
      );
      for (const { timeMs, message } of notices) {
        terminal.warn(`${agoText(timeMs, around.now())}: ${neutraliseLine(message)}`);
      }
    });
}

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type BuildResult, build, loadProject } from '@popmesh/builder';
import { realClock } from '@popmesh/daemon';
import type { Command } from 'commander';
import { type Surroundings, terminalOf } from '../command-line.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { bytesText, durationText } from '../terminal/words.ts';

export function registerBuild(program: Command, around: Surroundings): void {
  program
    .command('build')
    .description('build a function to a WebAssembly component, without deploying it')
    .argument('[folder]', 'folder with popmesh.toml, or a .wasm file', '.')
    .option('-o, --output <file>', 'where to write the component; default: .popmesh/<name>.wasm')
    .addHelpText(
      'after',
      `
Examples:
  popmesh build
  popmesh build examples/hello-js --output hello.wasm`,
    )
    .action(async (folder: string, options: { output?: string }, command: Command) => {
      const terminal = terminalOf(command, around);
      const target = resolve(around.cwd, folder);
      const project = await loadProject(target);
      const result = await buildShown(target, terminal, around.interrupted);
      const file = resolve(
        around.cwd,
        options.output ?? join(project.folder, '.popmesh', `${result.name}.wasm`),
      );
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, result.component);
      const { component, inputs, ...facts } = result;
      if (terminal.json) return terminal.printJson({ ...facts, sizeBytes: component.length, file });
      terminal.print(file);
    });
}

/** Builds with the steps shown as they end. */
export async function buildShown(
  target: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<BuildResult> {
  const project = await loadProject(target);
  const result = await build(project, {
    signal,
    clock: realClock,
    cacheDirectory: join(project.folder, '.popmesh', 'build'),
    onProgress: (step) => terminal.control(`\r\u001b[K  ${project.name}: ${step}…`),
  });
  terminal.control('\r\u001b[K');
  for (const warning of result.warnings) terminal.warn(warning);
  const totalMs = result.timings.reduce((sum, { ms }) => sum + ms, 0);
  const steps = result.timings.map(({ step, ms }) => `${step} ${durationText(ms)}`).join(', ');
  terminal.say(
    `built ${terminal.style('bold', result.name, 'stderr')} (${result.engine}, ${bytesText(result.component.length)}) in ${durationText(totalMs)}: ${steps}`,
  );
  return result;
}

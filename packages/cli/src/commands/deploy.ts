import { resolve } from 'node:path';
import type { BuildResult } from '@popmesh/builder';
import { parseName } from '@popmesh/contracts';
import type { Command } from 'commander';
import { apiOf, type Surroundings, terminalOf } from '../command-line.ts';
import type { DeployUpload } from '../control/control-api.ts';
import { functionAddresses } from '../control/function-address.ts';
import { neutraliseLine } from '../terminal/neutralise.ts';
import { bytesText, durationText } from '../terminal/words.ts';
import { buildShown } from './build.ts';
import { warnOfRoutesOff } from './domains.ts';
import { addWaitOptions, type WaitOptions, waitShown } from './rollout.ts';

interface DeployOptions extends WaitOptions {
  readonly name?: string;
  readonly namespace?: string;
}

export function registerDeploy(program: Command, around: Surroundings): void {
  addWaitOptions(
    program
      .command('deploy')
      .description('build a function and put it on every node')
      .argument('[folder]', 'folder with popmesh.toml, or a .wasm component', '.')
      .option('--name <name>', 'instead of the name in popmesh.toml')
      .option('-n, --namespace <namespace>', 'instead of the namespace in popmesh.toml'),
  )
    .addHelpText(
      'after',
      `
Examples:
  popmesh deploy
  popmesh deploy examples/hello-js --json
  popmesh deploy target/wasm32-wasip2/release/shop.wasm --name shop --namespace acme`,
    )
    .action(async (folder: string, options: DeployOptions, command: Command) => {
      const terminal = terminalOf(command, around);
      const api = apiOf(command, around, terminal);
      const built = await buildShown(resolve(around.cwd, folder), terminal, around.interrupted);
      const upload = uploadOf(built, options);
      const startedMs = performance.now();
      const deployed = await api.deploy(upload, around.interrupted);
      const { artifact, durable } = deployed;
      const sent =
        artifact === undefined ? '' : `, ${artifact.newChunks} of ${artifact.chunks} chunks new`;
      terminal.say(
        `accepted ${terminal.style('bold', deployed.function, 'stderr')} version ${deployed.version} in ${durationText(performance.now() - startedMs)} (${bytesText(built.component.length)}${sent})`,
      );
      if (durable.jetstream === 'pending') {
        terminal.say(
          durable.reason === undefined
            ? 'JetStream has not confirmed it yet; the nodes get it from each other'
            : `JetStream gets it later (${neutraliseLine(durable.reason)}); the nodes get it from each other`,
        );
      }
      for (const warning of terminal.json ? [] : (deployed.warnings ?? [])) {
        terminal.warn(`since your last deploy: ${neutraliseLine(warning)}`);
      }
      const rollout = await waitShown({
        api,
        deployed,
        options,
        terminal,
        signal: around.interrupted,
      });
      // What was claimed elsewhere at the same moment is known by now.
      const { routesOff } =
        built.config.routes.length === 0
          ? deployed
          : await api.get(upload.namespace, upload.name).catch(() => deployed);
      warnOfRoutesOff(terminal, deployed.function, routesOff);
      const { gateways } = await api.status().catch(() => ({ gateways: [] }));
      const { namespace, name } = upload;
      const { routes } = built.config;
      const urls = functionAddresses({ namespace, name, routes }, api.context, gateways);
      if (terminal.json) {
        terminal.printJson({
          ...deployed,
          ...(routesOff === undefined ? {} : { routesOff }),
          ...(rollout === undefined ? {} : { rollout }),
          urls,
          warnings: [...(deployed.warnings ?? []), ...built.warnings],
          timings: built.timings,
        });
        return;
      }
      for (const url of urls) terminal.print(url);
    });
}

export function uploadOf(
  built: BuildResult,
  options: { readonly name?: string; readonly namespace?: string } = {},
): DeployUpload {
  const { engine: _shownOnly, ...config } = built.config;
  return {
    namespace: parseName(options.namespace ?? built.namespace, 'namespace'),
    name: parseName(options.name ?? built.name, 'function name'),
    manifest: { label: built.label, engine: built.engine, config },
    component: built.component,
  };
}

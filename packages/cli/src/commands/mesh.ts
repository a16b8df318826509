import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Surroundings, terminalOf } from '../command-line.ts';
import { base64url, createIdentity, createRootKey, readRootKey } from '../mesh-keys/key-files.ts';
import { issueToken, parseLife, SCOPES } from '../mesh-keys/token.ts';

const ROOT_FILE = 'root-key.json';

export function registerMesh(program: Command, around: Surroundings): void {
  const mesh = program
    .command('mesh')
    .description('keys of a mesh of your own: root, members, tokens');

  mesh
    .command('init')
    .description('make the root key of a new mesh')
    .argument('[folder]', 'where to', '.')
    .addHelpText('after', '\nExamples:\n  popmesh mesh init ~/my-mesh')
    .action(async (folder: string, _options: object, command: Command) => {
      const terminal = terminalOf(command, around);
      const file = resolve(around.cwd, folder, ROOT_FILE);
      const rootPublicKey = base64url((await createRootKey(file)).publicKey);
      if (terminal.json) return terminal.printJson({ file, rootPublicKey });
      terminal.print(file);
      terminal.say(
        '\nKeep it off the nodes: whoever has it owns the mesh. In node.toml and gateway.toml:\n',
      );
      terminal.say(`[mesh]\nroot_public_key = "${rootPublicKey}"`);
    });

  mesh
    .command('enroll')
    .description('make the identity of a node or gateway')
    .argument('<id>', 'such as fra-1')
    .option('--root <file>', 'root key', ROOT_FILE)
    .option('-o, --output <file>', 'default: <id>.identity.json')
    .addHelpText(
      'after',
      '\nExamples:\n  popmesh mesh enroll fra-1\n  popmesh mesh enroll gw-1 --root ~/my-mesh/root-key.json',
    )
    .action(async (id: string, options: { root: string; output?: string }, command: Command) => {
      const terminal = terminalOf(command, around);
      const root = await readRootKey(resolve(around.cwd, options.root));
      const file = resolve(around.cwd, options.output ?? join('.', `${id}.identity.json`));
      await createIdentity(root, id, file);
      const rootPublicKey = base64url(root.publicKey);
      if (terminal.json) return terminal.printJson({ id, file, rootPublicKey });
      terminal.print(file);
      terminal.say(`\nCopy it to ${id} (mode 600) and name it there:\n`);
      terminal.say(
        `id = "${id}"\n[mesh]\nroot_public_key = "${rootPublicKey}"\nidentity_file = "${basename(file)}"`,
      );
    });

  mesh
    .command('token')
    .description('issue an API token')
    .argument('<who>', 'shown as the author of deploys')
    .option('--root <file>', 'root key', ROOT_FILE)
    .option('-n, --namespace <names...>', 'namespaces it is for; * for all', ['default'])
    .option('--scope <scopes...>', `${SCOPES.join(', ')}; default: all`)
    .option('--expires <time>', '45s, 30m, 12h, 90d', '30d')
    .addHelpText(
      'after',
      "\nExamples:\n  popmesh mesh token ci --namespace acme --scope deploy read --expires 90d\n  export POPMESH_TOKEN=$(popmesh mesh token me --namespace '*')",
    )
    .action(async (who: string, options: TokenOptions, command: Command) => {
      const terminal = terminalOf(command, around);
      const root = await readRootKey(resolve(around.cwd, options.root));
      const issued = await issueToken(
        root.privateKey,
        {
          subject: who,
          namespaces: options.namespace,
          lifeS: parseLife(options.expires),
          ...(options.scope === undefined ? {} : { scopes: options.scope }),
        },
        around.now(),
      );
      if (terminal.json) return terminal.printJson(issued);
      terminal.print(issued.token);
      terminal.say(`id ${issued.id}, until ${issued.expiresAt}`);
    });
}

interface TokenOptions {
  readonly root: string;
  readonly namespace: string[];
  readonly scope?: string[];
  readonly expires: string;
}

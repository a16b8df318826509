/**
 * The node daemon's process: `node packages/node/src/main.ts --config node.toml`.
 *
 * The code that V8 compiled is kept beside the node's data: the second start
 * spends its time on work. The cache must be switched on before the rest is
 * loaded, hence the import below, and the one line of the file read by hand.
 */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, resolve } from 'node:path';

const given = process.argv.slice(2);
const file = (given[0] === '--config' ? given[1] : given[0]) ?? 'node.toml';
try {
  const dataDir = /^\s*data_dir\s*=\s*["']([^"']+)["']/m.exec(readFileSync(file, 'utf8'))?.[1];
  if (dataDir !== undefined) {
    enableCompileCache(resolve(dirname(resolve(file)), dataDir, 'compile-cache'));
  }
} catch {
  // A file that cannot be read is reported by loadNodeConfig, with all that is wrong with it.
}

const { runNode } = await import('./run-node.ts');
await runNode(file, process.env);

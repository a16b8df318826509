/**
 * The gateway's process: `node packages/gateway/src/main.ts [--config] <gateway.toml>`.
 *
 * The compile cache beside the gateway's data must be on before the rest is
 * loaded, hence the late import: a restart has to serve within a second.
 */
import { readFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, resolve } from 'node:path';

const given = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const file = given[0] ?? 'gateway.toml';
try {
  const dataDir = /^\s*data_dir\s*=\s*["']([^"']+)["']/m.exec(readFileSync(file, 'utf8'))?.[1];
  if (dataDir !== undefined) {
    enableCompileCache(resolve(dirname(resolve(file)), dataDir, 'compile-cache'));
  }
} catch {
  // A file that cannot be read is reported with all that is wrong with it, below.
}

const { runGateway } = await import('./run-gateway.ts');
await runGateway(file, process.env, process.pid);

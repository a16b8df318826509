import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from '../../../../scripts/free-port.ts';
import { until } from './mesh.test-support.ts';

/** The real nats-server with JetStream, on a free port. Tests only. */

const NATS_SERVER = process.env.NATS_SERVER_BIN ?? '/usr/sbin/nats-server';

/** Undefined, or why tests that need it are skipped. */
export const natsMissing: string | undefined = existsSync(NATS_SERVER)
  ? undefined
  : `${NATS_SERVER} is not there; set NATS_SERVER_BIN`;

export interface TestNats {
  readonly url: string;
  stop(): Promise<void>;
}

/** `port`: of one that was stopped. */
export async function startNats(t: TestContext, folder: string, port?: number): Promise<TestNats> {
  const listen = port ?? (await freePort());
  await mkdir(folder, { recursive: true });
  const child = spawn(
    NATS_SERVER,
    ['-a', '127.0.0.1', '-p', `${listen}`, '-js', '-sd', folder, '--ports_file_dir', folder],
    { stdio: 'ignore' },
  );
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  t.after(stop);
  const url = await until(async () => {
    const file = (await readdir(folder)).find((name) => name.endsWith(`_${child.pid}.ports`));
    if (file === undefined) return undefined;
    const { nats } = JSON.parse(await readFile(join(folder, file), 'utf8')) as { nats: string[] };
    return nats[0];
  });
  return { url, stop };
}

import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { build, loadProject } from '../../packages/builder/src/index.ts';
import { type Answer, Harness } from '../../packages/runtime/src/testing/harness.ts';

/**
 * A source file as users would deploy it: built by the real builder, run by the real runtime
 * in an executor process of its own. Builds are kept in a temporary folder by their content.
 */

type Config = NonNullable<Parameters<Harness['deploy']>[1]>;

export interface JavaScriptFunction {
  readonly harness: Harness;
  open(path: string): Promise<IncomingMessage>;
  send(method: string, path: string, headers: Readonly<Record<string, string>>): Promise<Answer>;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string, body: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  stop(): Promise<void>;
}

/** Any project's configuration does: what counts here is given to the runtime. */
const CONFIG = new URL('../../examples/hello-js', import.meta.url).pathname;
/** One for each user of the machine: what another made is not ours to write, nor to trust. */
const BUILDS = join(tmpdir(), `popmesh-conformance-builds-${process.getuid?.() ?? 0}`);
const ID = 'default/subject' as Parameters<Harness['deploy']>[0];

export async function startFunction(file: string, init: Config = {}): Promise<JavaScriptFunction> {
  const { component } = await build(
    {
      folder: dirname(file),
      main: basename(file),
      name: 'subject',
      namespace: 'default',
      label: '0.0.0',
      engine: 'quickjs',
      build: {},
      config: (await loadProject(CONFIG)).config,
    },
    { cacheDirectory: BUILDS },
  );
  const harness = await Harness.start();
  await harness.deploy(ID, init, component).catch(async (error: unknown) => {
    // Else its processes would keep the test from ending.
    await harness.stop();
    throw error;
  });
  return {
    harness,
    open: (path) => harness.open(ID, path),
    send: (method, path, headers) => harness.call(ID, path, { method, headers }),
    get: (path, headers = {}) => harness.call(ID, path, { headers }),
    post: (path, body, headers = {}) => harness.call(ID, path, { method: 'POST', body, headers }),
    stop: () => harness.stop(),
  };
}

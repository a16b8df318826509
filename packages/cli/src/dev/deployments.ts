import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { type BuildResult, build, loadProject } from '@popmesh/builder';
import { type FunctionId, functionId, PopmeshError } from '@popmesh/contracts';
import { realClock } from '@popmesh/daemon';
import { uploadOf } from '../commands/deploy.ts';
import { watchRollout } from '../commands/rollout.ts';
import type { RolloutNode } from '../control/answers.ts';
import type { ControlApi } from '../control/control-api.ts';
import type { StateFolder } from './state-folder.ts';

/**
 * What the local mesh serves: each folder built and deployed, unless the very
 * same content is there already. What was deployed is remembered by its digest.
 */

const ROLLOUT_TIMEOUT_MS = 60_000;

export interface Served {
  readonly folder: string;
  readonly function: FunctionId;
  readonly version: number;
  /** What went in; for the watcher. */
  readonly inputs: readonly string[];
  readonly outcome: 'deployed' | 'unchanged';
  readonly nodes: readonly RolloutNode[];
}

interface Remembered {
  readonly function: FunctionId;
  readonly version: number;
  readonly digest: string;
}

type Memory = Record<string, Remembered>;

export class Deployments {
  readonly #state: StateFolder;
  readonly #api: ControlApi;
  readonly #memory: Memory;

  constructor(state: StateFolder, api: ControlApi) {
    this.#state = state;
    this.#api = api;
    this.#memory = state.readJson<Memory>({}, 'dev', 'deployed.json');
  }

  /** What an earlier run put there; served from disk before anything is built. */
  remembered(folder: string): Remembered | undefined {
    return this.#memory[resolve(folder)];
  }

  async build(
    folder: string,
    signal: AbortSignal,
    onProgress?: (step: string) => void,
  ): Promise<BuildResult> {
    return await build(await loadProject(folder), {
      signal,
      clock: realClock,
      cacheDirectory: this.#state.at('build'),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  }

  /** Resolves when every node that can be reached has it. */
  async deploy(folder: string, built: BuildResult, signal: AbortSignal): Promise<Served> {
    const fn = functionId(built.namespace, built.name);
    const digest = contentDigest(built);
    const held = this.remembered(folder);
    if (held?.digest === digest && held.function === fn) {
      const version = await this.#liveVersion(built);
      if (version === held.version) {
        return {
          folder,
          function: fn,
          version,
          inputs: built.inputs,
          outcome: 'unchanged',
          nodes: [],
        };
      }
    }
    const deployed = await this.#api.deploy(uploadOf(built), signal);
    const { rollout } = await watchRollout({
      api: this.#api,
      deployed,
      timeoutMs: ROLLOUT_TIMEOUT_MS,
      signal,
    });
    this.#memory[resolve(folder)] = { function: fn, version: deployed.version, digest };
    await this.#state.writeJson(this.#memory, 'dev', 'deployed.json');
    return {
      folder,
      function: fn,
      version: deployed.version,
      inputs: built.inputs,
      outcome: 'deployed',
      nodes: rollout?.nodes ?? [],
    };
  }

  async #liveVersion({ namespace, name }: BuildResult): Promise<number | undefined> {
    try {
      const versions = await this.#api.versions(namespace, name);
      return versions.find(({ live }) => live)?.version;
    } catch (caught) {
      // Deleted meanwhile. That nobody answers is another thing, and no reason for a new version.
      if (PopmeshError.from(caught).code === 'function_not_found') return undefined;
      throw caught;
    }
  }
}

/** The component, and everything of popmesh.toml that travels with it. */
export function contentDigest({ digest, label, engine, config }: BuildResult): string {
  return createHash('sha256')
    .update(JSON.stringify([digest, label, engine, config]))
    .digest('hex');
}

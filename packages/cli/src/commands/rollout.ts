import { setTimeout as sleep } from 'node:timers/promises';
import { PopmeshError } from '@popmesh/contracts';
import { type Command, InvalidArgumentError } from 'commander';
import { ExitWith } from '../command-line.ts';
import type { Deployed, Rollout, RolloutNode } from '../control/answers.ts';
import type { ControlApi } from '../control/control-api.ts';
import { EXIT } from '../exit-codes.ts';
import { neutraliseLine } from '../terminal/neutralise.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { durationText } from '../terminal/words.ts';

/** Watches a revision reach every node, PoP by PoP. */

const POLL_MS = 150;
const TIMEOUT_S = 60;
/** No node is in the function's regions: others may join, but not because we wait. */
const NOBODY_MS = 1000;
/** What no node can make ready is taken back after about a second, or four if its node is gone. */
const UNDONE_MS = 8000;

export interface WaitOptions {
  readonly wait: boolean;
  readonly timeout: number;
}

export function addWaitOptions(command: Command): Command {
  return command
    .option('--no-wait', 'end as soon as the mesh has accepted it')
    .option('--timeout <seconds>', 'wait this long for every node', parseSeconds, TIMEOUT_S);
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError('Use seconds, up to 3600.');
}

/** No node will change by waiting: each is ready, failed, or cannot be reached. */
const isSettled = ({ nodes }: Rollout): boolean =>
  nodes.length > 0 &&
  nodes.every(({ state }) => state !== 'pending') &&
  nodes.some(({ state }) => state !== 'unreachable');

const failedEverywhere = ({ nodes }: Rollout): boolean =>
  nodes.every(({ state }) => state === 'failed' || state === 'unreachable');

export interface WatchOptions {
  readonly api: ControlApi;
  readonly deployed: Deployed;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onChange?: (rollout: Rollout) => void;
}

/** Resolves when settled; `timedOut` when that took too long. A lost API call is tried again. */
export async function watchRollout(
  options: WatchOptions,
): Promise<{ rollout: Rollout | undefined; timedOut: boolean }> {
  const { api, deployed, timeoutMs, signal, onChange } = options;
  const deadlineMs = performance.now() + timeoutMs;
  let rollout: Rollout | undefined;
  let seen = '';
  const emptyUntilMs = performance.now() + NOBODY_MS;
  let undoneUntilMs: number | undefined;
  for (;;) {
    try {
      rollout = await api.rollout(deployed.namespace, deployed.name, deployed.revision, signal);
    } catch (caught) {
      signal.throwIfAborted();
      const error = PopmeshError.from(caught);
      if (!error.facts.retryable || performance.now() > deadlineMs) throw error;
    }
    const now = JSON.stringify(rollout?.nodes);
    if (rollout !== undefined && now !== seen) onChange?.(rollout);
    seen = now;
    if (rollout !== undefined && isSettled(rollout)) {
      // Where no node could, `live` goes back in a moment: the answer is then known as a whole.
      undoneUntilMs ??= performance.now() + UNDONE_MS;
      const waits = rollout.undone === undefined && failedEverywhere(rollout);
      if (!waits || performance.now() > Math.min(undoneUntilMs, deadlineMs)) {
        return { rollout, timedOut: false };
      }
    }
    if (rollout?.nodes.length === 0 && performance.now() > emptyUntilMs) {
      return { rollout, timedOut: false };
    }
    if (performance.now() > deadlineMs) return { rollout, timedOut: true };
    await sleep(POLL_MS, undefined, { signal });
  }
}

interface ShownOptions {
  readonly api: ControlApi;
  readonly deployed: Deployed;
  readonly options: WaitOptions;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Throws `build_failed`-like reasons of nodes as they are; ends with 3 when time runs out, or when no node is meant. */
export async function waitShown(shown: ShownOptions): Promise<Rollout | undefined> {
  const { api, deployed, options, terminal, signal } = shown;
  if (!options.wait) return undefined;
  const startedMs = performance.now();
  const table = new LiveTable(terminal);
  const { rollout, timedOut } = await watchRollout({
    api,
    deployed,
    timeoutMs: options.timeout * 1000,
    signal,
    onChange: ({ nodes }) => table.show(nodes, performance.now() - startedMs),
  });
  const failed = rollout?.nodes.find(({ state }) => state === 'failed');
  if (failed !== undefined && rollout?.undone !== undefined) {
    throw PopmeshError.fromJSON({
      code: failed.code,
      message: `${deployed.function}: ${rollout.undone}`,
      hint: 'Mend it and deploy again; `popmesh versions` lists what is kept.',
    });
  }
  if (failed !== undefined) {
    throw PopmeshError.fromJSON({
      code: failed.code,
      message: `${failed.id} could not make ${deployed.function} ready: ${failed.message ?? failed.code}`,
      hint: 'That node goes on with an older version if it has one; `popmesh list` shows which.',
    });
  }
  const idsOf = (wanted: RolloutNode['state']): string[] =>
    (rollout?.nodes ?? []).flatMap(({ id, state }) =>
      state === wanted ? [neutraliseLine(id)] : [],
    );
  if (timedOut) {
    const pending = [...idsOf('pending'), ...idsOf('unreachable')];
    const where = pending.length === 0 ? 'everywhere' : `on ${pending.join(', ')}`;
    if (terminal.json) terminal.printJson({ ...deployed, rollout, timedOut: true, pending });
    else terminal.warn(`not ready ${where} after ${options.timeout} s; the mesh goes on with it`);
    throw new ExitWith(EXIT.notReady);
  }
  if (rollout?.nodes.length === 0) {
    const problem = 'it runs nowhere: no node of the mesh is in its regions';
    if (terminal.json) terminal.printJson({ ...deployed, rollout, problem });
    else terminal.warn(`${problem}; it starts on the first that comes into one`);
    throw new ExitWith(EXIT.notReady);
  }
  for (const warning of terminal.json ? [] : (rollout?.warnings ?? [])) {
    terminal.warn(neutraliseLine(warning));
  }
  const away = idsOf('unreachable');
  if (away.length > 0 && !terminal.json) {
    terminal.warn(`${away.join(', ')} cannot be reached and will catch up later`);
  }
  return rollout;
}

const MARKS = { ready: '✓', pending: '…', failed: '✗', unreachable: '?' } as const;
const STYLES = { ready: 'green', pending: 'yellow', failed: 'red', unreachable: 'dim' } as const;

/** One line per node, rewritten in place on a terminal; elsewhere a line per change. */
class LiveTable {
  readonly #terminal: Terminal;
  readonly #shown = new Map<string, string>();
  #lines = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(nodes: readonly RolloutNode[], elapsedMs: number): void {
    const changed = nodes.filter(
      ({ id, state }) => this.#shown.get(id)?.startsWith(`${state} `) !== true,
    );
    for (const { id, state } of changed) {
      this.#shown.set(id, `${state} ${state === 'ready' ? durationText(elapsedMs) : ''}`);
    }
    if (!this.#terminal.live) {
      for (const node of changed.filter(({ state }) => state !== 'pending'))
        this.#terminal.say(this.#line(node));
      return;
    }
    if (this.#lines > 0) this.#terminal.control(`\u001b[${this.#lines}A`);
    for (const node of nodes) this.#terminal.control(`\u001b[K${this.#line(node)}\n`);
    this.#lines = nodes.length;
  }

  #line({ id, pop, state, message, servesVersion }: RolloutNode): string {
    const mark = this.#terminal.style(STYLES[state], MARKS[state], 'stderr');
    const [, time = ''] = this.#shown.get(id)?.split(/ (.*)/s) ?? [];
    const older = servesVersion === undefined ? '' : ` (it serves version ${servesVersion})`;
    const reason = message === undefined ? '' : `${older}: ${message}`;
    return `  ${mark} ${neutraliseLine(pop.padEnd(5))} ${neutraliseLine(id.padEnd(12))} ${state}${neutraliseLine(reason).slice(0, 200)} ${time}`.trimEnd();
  }
}

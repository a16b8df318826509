import type { Clock, LogLevel, PopmeshError } from '@popmesh/contracts';
import type { CreateOutbound, InstanceContext } from './door.ts';
import type { PooledInstance } from './instance-pool.ts';
import { cleanLogLine, LogBudget } from './log-budget.ts';
import { BytePipe } from './pipes.ts';
import { stackMapper } from './stack-mapper.ts';
import { guestStack } from './trap.ts';
import { CELL, type LoadMessage } from './wire.ts';

/** Builds what each instance gets to see of the host, with this worker's budgets behind it. */

export interface ContextOptions {
  readonly message: LoadMessage;
  readonly clock: Clock;
  readonly createOutbound: CreateOutbound;
  readonly randomBytes: (length: number) => Uint8Array<ArrayBuffer>;
  readonly log: (level: LogLevel, text: string, requestId: string) => void;
  readonly requestIdOf: (id: number) => string;
  /** When one request runs alone, a line without a number is its own. */
  readonly onlyRequestId: () => string;
  readonly onRetained: (count: number) => void;
  readonly onReleased: (instance: PooledInstance) => void;
}

export function createContextFactory(options: ContextOptions) {
  const { message, clock } = options;
  const budget = new LogBudget(message.limits.logKb * 1024, clock);
  let retained = 0;

  const inSource = stackMapper(message.code.sourceMap);
  const log = (level: LogLevel, text: string, requestId: string): void => {
    for (const line of budget.admit(inSource(text.slice(0, message.logLineBytesMax * 2)))) {
      options.log(level, cleanLogLine(line, message.logLineBytesMax), requestId);
    }
  };
  const idOf = (id: number | undefined): string =>
    id === undefined ? options.onlyRequestId() : options.requestIdOf(id);

  const changeRetained = (by: number): void => {
    retained += by;
    options.onRetained(retained);
  };

  return {
    forget: (instance: PooledInstance): void => {
      if (instance.retained.size > 0) changeRetained(-instance.retained.size);
    },

    explain: (error: PopmeshError, requestId: string): void => {
      const cause = error.cause instanceof Error ? `\n${guestStack(error.cause)}` : '';
      log('error', `${error.code}: ${error.message}${cause}`, requestId);
    },

    create: (instance: PooledInstance): InstanceContext => ({
      config: message.config,
      clock,
      outbound: options.createOutbound({
        hosts: message.outboundHosts,
        allowPrivate: message.outboundAllowPrivate,
        deny: message.outboundDeny,
        concurrent: message.limits.outboundConcurrent,
        total: message.limits.outboundTotal,
        responseMb: message.limits.outboundMb,
        clock,
      }),
      pipeBufferBytes: message.pipeBufferBytes,
      log: (level, text, id) => log(level, text, idOf(id)),
      report: (text, stack, id) =>
        log('error', stack === '' ? text : `${text}\n${stack}`, idOf(id)),
      randomBytes: options.randomBytes,
      charge: (micros) => void Atomics.add(message.cells, CELL.offThreadMicros, micros),
      createPipe: () => new BytePipe(message.pipeBufferBytes),
      retain: (id) => {
        if (instance.broken || instance.retained.size >= RETAINED_MAX) return;
        const held = instance.retained.get(id) ?? 0;
        instance.retained.set(id, held + 1);
        if (held === 0) changeRetained(1);
      },
      release: (id) => {
        const held = instance.retained.get(id);
        if (held === undefined) return;
        if (held > 1) {
          instance.retained.set(id, held - 1);
          return;
        }
        instance.retained.delete(id);
        changeRetained(-1);
        if (instance.retained.size === 0) options.onReleased(instance);
      },
    }),
  };
}

/** Requests of one instance that may outlive their response at once. */
const RETAINED_MAX = 1_000;

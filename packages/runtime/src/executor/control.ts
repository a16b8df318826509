import type { ErrorBody, FunctionId, LogLevel } from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import type { PlannedDeployment } from '../plan.ts';

/** What the node daemon and an executor process say to each other over IPC. */

export interface ExecutorInit {
  readonly type: 'init';
  readonly namespace: string;
  readonly node: string;
  readonly pop: string;
  readonly region: string;
  /** Tried first, so that the address outlives a respawn; 0 for any. */
  readonly port: number;
  readonly config: RuntimeConfig;
}

export type ToExecutor =
  | ExecutorInit
  | { readonly type: 'apply'; readonly callId: number; readonly deployment: PlannedDeployment }
  | { readonly type: 'remove'; readonly callId: number; readonly function: FunctionId }
  /** Listen: only now may requests come, for everything is loaded again. */
  | { readonly type: 'open'; readonly callId: number }
  | { readonly type: 'drain'; readonly callId: number };

export interface ExecutorLog {
  readonly timeMs: number;
  readonly function: FunctionId;
  readonly version: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly requestId: string;
}

/** What one function version has used since the last report. */
export interface UsageRow {
  readonly function: FunctionId;
  readonly version: number;
  requests: number;
  errors: number;
  coldStarts: number;
  wallMs: number;
  cpuMs: number;
  bytesIn: number;
  bytesOut: number;
  /** Memory limit times the time that requests ran. */
  gbSeconds: number;
  /** Highest sum of the linear memories of one worker. */
  memoryBytesMax: number;
}

export interface ExecutorLoad {
  /** CPU seconds per second, all threads. */
  readonly cpuCores: number;
  readonly running: number;
  readonly queued: number;
  readonly capacity: number;
  readonly workers: number;
}

export type FromExecutor =
  | { readonly type: 'listening'; readonly address: string; readonly port: number }
  /** A first step into a component's code begins or has ended well: whom to suspect of a crash. */
  | { readonly type: 'slot'; readonly function: FunctionId; readonly state: 'starting' | 'started' }
  | { readonly type: 'done'; readonly callId: number; readonly error?: ErrorBody }
  | { readonly type: 'logs'; readonly entries: readonly ExecutorLog[]; readonly dropped: number }
  | { readonly type: 'usage'; readonly rows: readonly UsageRow[]; readonly load: ExecutorLoad };

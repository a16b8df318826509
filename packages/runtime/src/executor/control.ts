import type { ErrorBody, FunctionId, LogLevel } from '@popmesh/contracts';
import type { RuntimeConfig } from '../config.ts';
import type { PlannedDeployment } from '../plan.ts';
import type { SkeletonCode } from './skeleton.ts';

/** What the node daemon and an executor process say to each other over IPC. */

/** The first message: what a blank process needs to make ready for any namespace. */
export interface ExecutorBoot {
  readonly type: 'boot';
  readonly config: RuntimeConfig;
}

/** Once: whose executor it is from now on. */
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
  | ExecutorBoot
  /** To a blank process: what its functions will have in common, most likely. */
  | { readonly type: 'expect'; readonly code: SkeletonCode }
  | ExecutorInit
  | { readonly type: 'apply'; readonly callId: number; readonly deployment: PlannedDeployment }
  /** One instance of each version is made, and goes again: whether it can be is the answer. */
  | { readonly type: 'try'; readonly callId: number; readonly deployment: PlannedDeployment }
  | { readonly type: 'remove'; readonly callId: number; readonly function: FunctionId }
  /** Listen: only now may requests come, for everything is loaded again. */
  | { readonly type: 'open'; readonly callId: number }
  | { readonly type: 'drain'; readonly callId: number }
  /** These were starting when the process before ended: to be started one at a time. */
  | { readonly type: 'suspect'; readonly functions: readonly FunctionId[] }
  /** An answer to `damaged`. */
  | { readonly type: 'repaired'; readonly directory: string; readonly error?: ErrorBody }
  /** Memory of the node is short: end so many idle instances; cold starts are refused or not. */
  | { readonly type: 'memory'; readonly end: number; readonly refuse: boolean }
  /** Start an instance of each, one after the other: they are likely to be asked next. */
  | { readonly type: 'warm'; readonly functions: readonly FunctionId[] };

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
  /** Slots that stand ready or run something. */
  readonly slots: number;
  /** Core modules compiled since the process began. */
  readonly compiled: number;
  /** What the whole process holds, shared pages counted in. */
  readonly residentBytes: number;
  /** How long its idle instances have been idle, the longest first. */
  readonly idleMs: readonly number[];
}

export type FromExecutor =
  /** Its code is loaded and its blank workers stand. */
  | { readonly type: 'booted' }
  /** An answer to `expect`: whether that is compiled, and blank workers stand with it. */
  | { readonly type: 'ready'; readonly made: boolean }
  | { readonly type: 'listening'; readonly address: string; readonly port: number }
  /** A first step into a component's code begins or has ended well: whom to suspect of a crash. */
  | { readonly type: 'slot'; readonly function: FunctionId; readonly state: 'starting' | 'started' }
  | { readonly type: 'done'; readonly callId: number; readonly error?: ErrorBody }
  /** A file of a component is not as it was prepared; answered by `repaired`. */
  | { readonly type: 'damaged'; readonly directory: string }
  | { readonly type: 'logs'; readonly entries: readonly ExecutorLog[]; readonly dropped: number }
  | { readonly type: 'usage'; readonly rows: readonly UsageRow[]; readonly load: ExecutorLoad };

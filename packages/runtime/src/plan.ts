import type { FunctionId } from '@popmesh/contracts';
import type { FunctionConfig } from '@popmesh/protocol';
import type { RuntimeConfig } from './config.ts';
import type { Prepared } from './prepare/preparer.ts';
import type { DoorName } from './worker/door.ts';

/**
 * What a function asked for, brought to numbers: defaults where it asked for nothing, this
 * node's ceilings where it asked for too much. Plain data, for it crosses into the executor.
 */

export interface FunctionPlan {
  readonly env: Readonly<Record<string, string>>;
  readonly outboundHosts: readonly string[];
  readonly isolation: 'instance' | 'request';
  readonly limits: {
    readonly cpuMs: number;
    readonly timeoutMs: number;
    readonly memoryMb: number;
    readonly requestBodyBytes: number;
    readonly responseBodyBytes: number;
    readonly outboundConcurrent: number;
    readonly outboundTotal: number;
    readonly outboundMb: number;
    readonly logKb: number;
  };
  readonly scaling: {
    readonly min: number;
    readonly max: number;
    readonly concurrency: number;
    readonly idleTimeoutMs: number;
    readonly queue: number;
  };
}

export interface DeploymentTarget {
  readonly version: number;
  readonly weight: number;
  readonly prepared: Prepared;
  readonly config: FunctionConfig;
}

export interface Deployment {
  readonly function: FunctionId;
  readonly revision: bigint;
  readonly targets: readonly DeploymentTarget[];
  /**
   * Whether a first worker must stand before `apply` resolves; default yes, so that what
   * cannot start is found at deploy. No for what ran here before: a node with a thousand
   * functions would else start a thousand threads before it is ready.
   */
  readonly warm?: boolean;
}

/** The same, as the executor gets it. */
export interface PlannedDeployment {
  readonly function: FunctionId;
  readonly revision: string;
  readonly targets: readonly PlannedTarget[];
  readonly warm: boolean;
}

export interface PlannedTarget {
  readonly version: number;
  readonly weight: number;
  readonly digest: string;
  readonly door: DoorName;
  readonly directory: string;
  readonly plan: FunctionPlan;
}

const MB = 1024 * 1024;
/**
 * Every request of `wasi:http`, or of `isolation = "request"`, that waits has an instance, and
 * so a linear memory, of its own: few where nothing was asked, more for those who ask.
 */
const OWN_INSTANCE_CONCURRENCY = 8;
const OWN_INSTANCE_CONCURRENCY_MAX = 32;

export function planFunction(
  config: FunctionConfig,
  door: DoorName,
  memoryMb: number,
  runtime: RuntimeConfig,
): FunctionPlan {
  const { limits, scaling } = config;
  const pick = (
    asked: number | undefined,
    bounds: { readonly default: number; readonly ceiling: number },
  ): number =>
    Math.min(asked === undefined || asked === 0 ? bounds.default : asked, bounds.ceiling);
  const bounds = runtime.limits;
  const max = pick(scaling?.max, runtime.scaling.max);
  const concurrency =
    door === 'wasi:http' || config.isolation === 'request'
      ? Math.min(
          pick(scaling?.concurrency || OWN_INSTANCE_CONCURRENCY, runtime.scaling.concurrency),
          OWN_INSTANCE_CONCURRENCY_MAX,
        )
      : pick(scaling?.concurrency, runtime.scaling.concurrency);
  return {
    env: { ...config.env },
    outboundHosts: [...config.outboundHosts],
    isolation: config.isolation === 'request' ? 'request' : 'instance',
    limits: {
      cpuMs: pick(limits?.cpuMs, bounds.cpuMs),
      timeoutMs: pick(limits?.timeoutMs, bounds.timeoutMs),
      memoryMb,
      requestBodyBytes: pick(limits?.requestBodyMb, bounds.requestBodyMb) * MB,
      responseBodyBytes: pick(limits?.responseBodyMb, bounds.responseBodyMb) * MB,
      outboundConcurrent: pick(limits?.outboundConcurrent, bounds.outboundConcurrent),
      outboundTotal: pick(limits?.outboundTotal, bounds.outboundTotal),
      outboundMb: pick(limits?.outboundMb, bounds.outboundMb),
      logKb: pick(limits?.logKb, bounds.logKb),
    },
    scaling: {
      min: Math.min(scaling?.min ?? 0, runtime.scaling.minCeiling, max),
      max,
      concurrency,
      idleTimeoutMs: pick(scaling?.idleTimeoutMs, runtime.scaling.idleTimeoutMs),
      queue: pick(scaling?.queue, runtime.scaling.queue),
    },
  };
}

/** One instance, however many are to stand later. */
export const forTrial = (planned: PlannedDeployment): PlannedDeployment => ({
  ...planned,
  targets: planned.targets.map((target) => ({
    ...target,
    plan: { ...target.plan, scaling: { ...target.plan.scaling, min: 0 } },
  })),
});

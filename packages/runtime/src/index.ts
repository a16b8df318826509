export { type AboveCeiling, aboveCeilingError, type Ceilings, ceilingsOf } from './ceilings.ts';
export { type RuntimeConfig, type RuntimeConfigInput, runtimeConfigSchema } from './config.ts';
export type { UsageRow } from './executor/control.ts';
export type { Deployment, DeploymentTarget } from './plan.ts';
export type { Artifact, Prepared } from './prepare/preparer.ts';
export { skeletonOf } from './prepare/skeleton.ts';
export {
  createRuntime,
  type DataPlaneAddress,
  type FunctionLog,
  type Runtime,
  type RuntimeOptions,
  type Trial,
} from './runtime.ts';
export { type Engine, engineOf } from './supervise/engines.ts';
export { parseUsage, type UsageLine } from './usage-journal.ts';
export type { DoorName } from './worker/door.ts';

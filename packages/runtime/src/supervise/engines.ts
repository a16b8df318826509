import { ENGINES } from './generated/engines.ts';

/**
 * The engines that our own builder puts into functions: the only code that blank executor
 * processes are made ready with. Each is known by the SHA-256 of the whole component without what
 * makes it one function (prepare/skeleton.ts), so that all of its modules, its types and what the
 * transpiler writes for them are named by it, and nothing of a tenant's is. It does not depend on
 * jco or on the memory limit. `npm run generate` adds the present one; older ones stay, since
 * what was built with them is still served, until they are taken out by hand.
 * Refused: the digest of the engine's module alone, beside which another may stand.
 */

export interface Engine {
  /** SHA-256, lower-case hex. */
  readonly skeleton: string;
  /** A memory that no function of it is smaller than: blank instances begin with it. */
  readonly memoryPages: number;
  /** What builds it; for people. */
  readonly builtBy: string;
}

export const engineOf = (skeleton: string | undefined): Engine | undefined =>
  ENGINES.find((engine) => engine.skeleton === skeleton);

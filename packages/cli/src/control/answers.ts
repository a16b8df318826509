/** What the control API answers; the schemas are with the node, which serves them as OpenAPI. */

/** A route of the live version that no gateway serves. */
export interface RouteOff {
  readonly host: string;
  readonly path: string;
  readonly reason: string;
}

/** A namespace's claim to a custom host. */
export interface Host {
  readonly host: string;
  readonly namespace: string;
  readonly claimedAtMs: number;
  readonly claimedBy: string;
  /** `taken`: an older claim of another namespace has it. */
  readonly state: 'owned' | 'taken';
  readonly claims: number;
  readonly functions: readonly string[];
  readonly olderVersionsOf: readonly string[];
}

export interface QuotaFigures {
  readonly functions: number;
  readonly versionsKept: number;
  readonly storedMb: number;
  readonly hosts: number;
}

export interface Quota {
  readonly namespace: string;
  readonly allowed: QuotaFigures;
  readonly used: QuotaFigures;
  readonly isDefault: boolean;
  readonly setBy?: string;
  readonly setAtMs?: number;
}

export interface Deployed {
  readonly function: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
  readonly label: string;
  readonly revision: string;
  readonly artifact?: {
    readonly digest: string;
    readonly sizeBytes: number;
    readonly chunks: number;
    readonly newChunks: number;
  };
  readonly durable: {
    readonly local: boolean;
    readonly jetstream: 'stored' | 'pending' | 'disabled';
    /** What keeps JetStream from it; absent where it is only slow. */
    readonly reason?: string;
  };
  readonly routesOff?: readonly RouteOff[];
  /** What happened to the function since its author deployed it last. */
  readonly warnings?: readonly string[];
}

export interface Notice {
  readonly timeMs: number;
  readonly kind: string;
  readonly message: string;
}

export interface DeployedFunction {
  readonly function: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: number;
  readonly label: string;
  readonly revision: string;
  readonly updatedAtMs: number;
  readonly sizeBytes: number;
  readonly engine: string;
  readonly readyOn: readonly string[];
  /** Nodes that serve an older version, since they could not make the live one ready. */
  readonly olderOn?: readonly { readonly node: string; readonly version: number }[];
  /** Nodes that could not make the live version ready; some serve an older one. */
  readonly failedOn?: readonly {
    readonly node: string;
    readonly code: string;
    readonly message: string;
  }[];
  readonly notices?: readonly Notice[];
  readonly digest?: string;
  readonly routesOff?: readonly RouteOff[];
}

export interface Version {
  readonly version: number;
  /** The number that its author was told, where a join of two sides gave it another. */
  readonly was?: number;
  readonly label: string;
  readonly live: boolean;
  readonly weight: number;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly sizeBytes: number;
  readonly digest: string;
  readonly engine: string;
}

export interface RolloutNode {
  readonly id: string;
  readonly pop: string;
  readonly state: 'ready' | 'pending' | 'failed' | 'unreachable';
  readonly code?: string;
  readonly message?: string;
  readonly servesVersion?: number;
}

export interface Rollout {
  readonly function: string;
  readonly revision: string;
  readonly total: number;
  readonly ready: number;
  readonly nodes: readonly RolloutNode[];
  /** No node could make it ready, and `live` went back. */
  readonly undone?: string;
  /** What happened to the function since. */
  readonly warnings?: readonly string[];
}

export interface StatusNode {
  readonly id: string;
  readonly pop: string;
  readonly region: string;
  readonly location: { readonly lat: number; readonly lon: number };
  readonly state: string;
  readonly pid?: number;
  readonly functionsReady: number;
  readonly load: number;
  readonly apiAddress?: string;
  readonly version?: string;
  readonly notReadyReason?: string;
  readonly clockAheadMs?: number;
  readonly cgroup?: string;
}

export interface StatusGateway {
  readonly id: string;
  readonly address: string;
  readonly state: string;
  readonly pid?: number;
  readonly version?: string;
  readonly domain?: string;
}

export interface MeshStatus {
  readonly nodes: readonly StatusNode[];
  readonly gateways: readonly StatusGateway[];
  readonly nats: {
    readonly connected: boolean;
    readonly version?: string | null;
    /** False where the mesh has no NATS. */
    readonly enabled?: boolean;
    readonly problem?: string;
  };
  readonly functions?: number;
  /** What an operator should look at, a sentence each. */
  readonly problems?: readonly string[];
}

export interface LogLine {
  readonly timeMs: number;
  readonly node: string;
  readonly pop: string;
  readonly function: string;
  readonly version: number;
  readonly level: string;
  readonly message: string;
  readonly requestId: string;
}

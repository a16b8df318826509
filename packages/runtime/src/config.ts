import { z } from 'zod';

/**
 * The runtime's slice of `node.toml`. Limits here are ceilings: a deploy that asks for more
 * is refused (what another node accepted gets the ceiling), one that asks for nothing gets the
 * default.
 */

const count = (fallback: number, max = 1_000_000_000) => z.int().min(0).max(max).default(fallback);
const positive = (fallback: number, max = 1_000_000_000) =>
  z.int().min(1).max(max).default(fallback);

const limit = (fallback: number, ceiling: number) =>
  z
    .strictObject({ default: positive(fallback), ceiling: positive(ceiling) })
    .prefault({})
    .refine((value) => value.default <= value.ceiling, 'the default is above the ceiling');

const IP_WITH_PORT = /^(?:\d+(?:\.\d+){3}|\[[0-9a-f:.]+\]):\d{1,5}$/;
const IP_MAYBE_PORT = /^(?:\d+(?:\.\d+){3}(?::\d{1,5})?|[0-9a-f:.]+|\[[0-9a-f:.]+\]:\d{1,5})$/;

export const runtimeConfigSchema = z
  .strictObject({
    /** Where the data planes listen; the port is free and kept over a respawn. */
    host: z.string().min(1).default('127.0.0.1'),

    componentBytesMax: positive(64 * 1024 * 1024),
    /** CPU time of the child that prepares one component; by the clock six times as much. */
    prepareDeadlineMs: positive(10_000),
    prepareHeapMb: positive(1_024),
    prepareOutputBytesMax: positive(256 * 1024 * 1024),
    prepareQueueMax: positive(64),
    /** Prepared files that no deployed version uses; the least recently used go beyond it. */
    preparedUnusedMb: count(1_024),
    /** After a change of what is prepared or deployed, and after the start. */
    preparedSweepMs: positive(60_000),

    /** JavaScript heap of one executor process, its HTTP thread. */
    executorHeapMb: positive(1_024),
    /** JavaScript heap of one worker: the glue, buffers, outbound connections. */
    workerHeapMb: positive(256),
    /** Blank executor processes that hide process start; each holds some 60 MB. */
    spareExecutors: count(1, 16),
    /**
     * Where the daemon is root, executors run as users of their own, the 500 from here on, each
     * user id its group id, too. 0: as root, like the daemon. Daemons that share a network
     * namespace share the range out; where they share processes but no network, give each its own.
     */
    executorUidFrom: count(60_600, 2 ** 31 - 1_000),
    executorStartMs: positive(10_000),
    /** First wait before a respawn; doubles up to the cap while it keeps ending early. */
    executorRestartMs: count(50),
    executorRestartMaxMs: positive(10_000),
    /** A deployment that was being loaded when the executor died this often is given up. */
    poisonCrashesMax: positive(2),
    /** Instantiating a component in its worker, the first time in a thread. */
    slotStartMs: positive(5_000),
    applyDeadlineMs: positive(15_000),
    drainDeadlineMs: positive(30_000),

    /**
     * Memory of all executors together, above which idle instances end, the longest idle first.
     * 0: seven tenths of what the machine, or our control group, has.
     */
    memoryBudgetMb: count(0),
    /** Blank workers that hide thread start. */
    spareWorkers: count(1, 16),
    /** Workers of one executor, over all functions. */
    workersMax: positive(64, 1_024),
    connectionsMax: positive(10_000),
    /** Requests in one executor, running and waiting. */
    requestsMax: positive(4_000),

    cpuPollMs: positive(20, 1_000),
    /** A request body up to this size is sent to the worker whole. */
    wholeBodyBytesMax: positive(64 * 1024),
    pipeBufferBytes: positive(256 * 1024),
    instanceCallsMax: positive(1_000_000),
    /** An instance whose memory has grown beyond this share of its limit is replaced when idle. */
    instanceMemoryRetirePercent: positive(80, 100),
    /** Traps after which a worker thread is replaced, since the glue leaks a little with each. */
    workerTrapsMax: positive(50),
    /** Time that work after the response (`waitUntil`) may take. */
    retainMaxMs: positive(30_000),
    headersTimeoutMs: positive(5_000),
    keepAliveTimeoutMs: positive(75_000),
    reportIntervalMs: positive(500),
    /** Files of metered usage, one per minute in which something ran. */
    usageFilesMax: positive(44_640),
    logLineBytesMax: positive(8 * 1024),
    /** `127.0.0.1:1234`: private endpoints that functions may reach where they list them; for development. */
    outboundAllowPrivate: z.array(z.string().regex(IP_WITH_PORT)).max(64).default([]),
    /** Public addresses of the mesh itself, with or without a port: never reached by a function. */
    outboundDeny: z.array(z.string().regex(IP_MAYBE_PORT)).max(1_024).default([]),

    limits: z
      .strictObject({
        cpuMs: limit(1_000, 30_000),
        timeoutMs: limit(30_000, 300_000),
        memoryMb: limit(128, 512),
        requestBodyMb: limit(16, 256),
        responseBodyMb: limit(16, 256),
        outboundConcurrent: limit(6, 32),
        outboundTotal: limit(50, 1_000),
        outboundMb: limit(16, 256),
        logKb: limit(64, 1_024),
      })
      .prefault({}),
    scaling: z
      .strictObject({
        max: limit(4, 32),
        minCeiling: count(4, 32),
        concurrency: limit(20, 100),
        idleTimeoutMs: limit(60_000, 3_600_000),
        queue: limit(200, 10_000),
      })
      .prefault({}),
  })
  .prefault({});

export type RuntimeConfig = z.output<typeof runtimeConfigSchema>;
export type RuntimeConfigInput = z.input<typeof runtimeConfigSchema>;

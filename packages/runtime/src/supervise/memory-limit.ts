/**
 * How much memory this machine, or the control group that we run in, has for us. Read from
 * files of the kernel through a function that is passed in.
 */

/** Undefined for a file that is not there. */
export type ReadText = (path: string) => Promise<string | undefined>;

const CGROUP_ROOT = '/sys/fs/cgroup';
const KIB = 1024;

export async function memoryLimitBytes(read: ReadText): Promise<number | undefined> {
  const limits = [await machineBytes(read), ...(await groupLimits(read))];
  const known = limits.filter(
    (bytes) => bytes !== undefined && Number.isFinite(bytes) && bytes > 0,
  );
  return known.length === 0 ? undefined : Math.min(...(known as number[]));
}

async function machineBytes(read: ReadText): Promise<number | undefined> {
  const total = /^MemTotal:\s+(\d+) kB$/m.exec((await read('/proc/meminfo')) ?? '')?.[1];
  return total === undefined ? undefined : Number(total) * KIB;
}

/** Of our group and of every group around it: the least one holds. "max" means none. */
async function groupLimits(read: ReadText): Promise<(number | undefined)[]> {
  const own = /^0::(\/.*)$/m.exec((await read('/proc/self/cgroup')) ?? '')?.[1] ?? '/';
  const parts = own.split('/').filter((part) => part !== '' && part !== '..');
  const groups = parts.map((_, at) => `${CGROUP_ROOT}/${parts.slice(0, at + 1).join('/')}`);
  const files = [CGROUP_ROOT, ...groups].map((group) => `${group}/memory.max`);
  // Version 1, where the whole of it is seen from inside.
  files.push(`${CGROUP_ROOT}/memory/memory.limit_in_bytes`);
  return await Promise.all(
    files.map(async (file) => {
      const text = (await read(file))?.trim();
      return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
    }),
  );
}

/** What /proc says of a process: the only witness that a hostile guest cannot talk to. */
import { readdirSync, readFileSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended, or is ending.
    return '';
  }
};

export const childrenOf = (pid: number): number[] =>
  read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

export const commandLineOf = (pid: number): string =>
  read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');

export const isAlive = (pid: number): boolean => {
  const state = /^State:\s+(\w)/m.exec(read(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== 'Z';
};

export interface ProcessFacts {
  readonly rssMb: number;
  readonly handles: number;
  readonly threads: number;
}

export function factsOf(pid: number): ProcessFacts {
  const status = read(`/proc/${pid}/status`);
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  let handles = 0;
  try {
    handles = readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    // It ended.
  }
  return { rssMb: Math.round(field('VmRSS') / 1024), handles, threads: field('Threads') };
}

export const format = ({ rssMb, handles, threads }: ProcessFacts): string =>
  `${rssMb} MB, ${handles} fd, ${threads} threads`;

/** CPU time of a process so far, all threads, in kernel ticks of 10 ms; -1 when it is gone. */
export function cpuTicksOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return text === '' ? -1 : Number(fields[11]) + Number(fields[12]);
}

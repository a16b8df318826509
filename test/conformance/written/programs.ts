import type { Run } from '../areas/area.ts';

/** Cases that are written and not generated: each a program by its name, without an input. */
export type Programs = Readonly<Record<string, () => unknown>>;

export const runOf =
  (programs: Programs): Run =>
  (name: string) =>
    programs[name]?.();

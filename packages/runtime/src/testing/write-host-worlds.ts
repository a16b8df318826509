import { writeFileSync } from 'node:fs';
import { hostWorldsSource } from './host-worlds-source.ts';

/** Writes anew what hosted interfaces look like to the check of uploads. */

export const HOST_WORLDS_FILE = new URL('../check/generated/host-worlds.ts', import.meta.url);
if (import.meta.main) writeFileSync(HOST_WORLDS_FILE, await hostWorldsSource());

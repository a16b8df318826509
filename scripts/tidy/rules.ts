import { bannedCalls, fileLength, forbiddenNames, leftovers } from './files.ts';
import { cycles, doors, floors } from './floors.ts';
import { oneDoor, orphans, readmes } from './packages.ts';
import type { Rule } from './source-file.ts';

export const ALL_RULES: readonly Rule[] = [
  floors,
  doors,
  cycles,
  fileLength,
  bannedCalls,
  forbiddenNames,
  leftovers,
  readmes,
  oneDoor,
  orphans,
];

import { PopmeshError } from '@popmesh/contracts';

/**
 * Caps on the shape of a component (FAULTS.md, security 1). Those on what core modules bring along
 * hold once more for the sum over all instances of them (prepare/limit-memory.ts).
 */
export const STRUCTURE_LIMITS = {
  coreModulesMax: 32,
  coreInstancesMax: 100,
  functionsMax: 200_000,
  nestingMax: 8,
  importsMax: 500,
  customSectionsBytesMax: 4 * 1024 * 1024,
  tableEntriesMax: 1_000_000,
  tablesMax: 256,
  globalsMax: 100_000,
  /** Each reserves about 10 GiB of address space per instance. */
  memoriesMax: 8,
  /** Imports of all core modules together; a QuickJS component has about 200. */
  coreImportsMax: 20_000,
  coreExportsMax: 100_000,
  nameLengthMax: 1_024,
  sectionsMax: 20_000,
} as const;

export type StructureLimits = typeof STRUCTURE_LIMITS;

/** For whoever has built a component that is above one of them. */
const WORDS: Readonly<Record<keyof StructureLimits, string>> = {
  coreModulesMax: 'core modules',
  coreInstancesMax: 'instances of core modules',
  functionsMax: 'functions',
  nestingMax: 'levels of components in components',
  importsMax: 'imports',
  customSectionsBytesMax: 'bytes of custom sections',
  tableEntriesMax: 'table entries',
  tablesMax: 'tables',
  globalsMax: 'global variables',
  memoriesMax: 'memories',
  coreImportsMax: 'imports of core modules',
  coreExportsMax: 'exports',
  nameLengthMax: 'characters in one name',
  sectionsMax: 'sections',
};

/** Counts over the whole component, nested ones included; `add` refuses by name. */
export class StructureCount {
  readonly #limits: StructureLimits;
  readonly #counts = new Map<keyof StructureLimits, number>();

  constructor(limits: StructureLimits) {
    this.#limits = limits;
  }

  add(what: keyof StructureLimits, amount = 1): void {
    const total = (this.#counts.get(what) ?? 0) + amount;
    this.#counts.set(what, total);
    this.atMost(what, total);
  }

  atMost(what: keyof StructureLimits, value: number): void {
    const limit = this.#limits[what];
    if (value <= limit) return;
    throw new PopmeshError(
      'invalid_component',
      `The component has more than ${limit} ${WORDS[what]}`,
      {
        hint: 'Build it with fewer: what one core module has counts once for each instance of it. LIMITS.md lists the bounds.',
        details: { limit: what, max: limit, actual: value },
      },
    );
  }

  get(what: keyof StructureLimits): number {
    return this.#counts.get(what) ?? 0;
  }
}

/**
 * Core names end up in generated JavaScript, in string literals and comments. jco escapes
 * them, but this must hold even if it forgot to: no quote, backslash, backtick, brace,
 * parenthesis, semicolon, line break or anything outside ASCII. `*` may not precede `/`.
 */
const CORE_NAME = /^[A-Za-z0-9_.$:/@|[\]#<>=, !?*+%&~^-]*$/;

export function checkCoreName(name: string, count: StructureCount, offset: number): void {
  count.atMost('nameLengthMax', name.length);
  if (CORE_NAME.test(name) && !name.includes('*/') && !name.includes('__proto__')) return;
  throw new PopmeshError(
    'invalid_component',
    `A core module has the name ${JSON.stringify(name.slice(0, 80))}, which is not allowed`,
    { details: { offset } },
  );
}

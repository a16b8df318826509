import type { ZodType } from 'zod';

/**
 * Every object in a config schema is strict, whether or not its author wrote
 * `strictObject`: a misspelt key that is silently ignored is the most expensive
 * kind of mistake. Walks only the shapes a config is made of.
 */

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, ZodType>>;
  readonly catchall?: ZodType;
  readonly innerType?: ZodType;
  readonly in?: ZodType;
  readonly out?: ZodType;
  readonly element?: ZodType;
  readonly valueType?: ZodType;
}

export function unknownKeys(schema: ZodType, value: unknown, path: string[] = []): string[][] {
  const definition = schema.def as unknown as Definition;
  // A pipe is what comes in, unless that is a `preprocess`, which knows no keys.
  const first = (definition.in?.def as unknown as Definition | undefined)?.type;
  const inner = definition.innerType ?? (first === 'transform' ? definition.out : definition.in);
  if (inner !== undefined) return unknownKeys(inner, value, path);
  if (typeof value !== 'object' || value === null) return [];
  if (definition.type === 'array' && definition.element !== undefined) {
    const element = definition.element;
    return Object.entries(value).flatMap(([key, item]) =>
      unknownKeys(element, item, [...path, key]),
    );
  }
  if (definition.type === 'record' && definition.valueType !== undefined) {
    const valueType = definition.valueType;
    return Object.entries(value).flatMap(([key, item]) =>
      unknownKeys(valueType, item, [...path, key]),
    );
  }
  if (definition.type !== 'object' || definition.shape === undefined) return [];
  const shape = definition.shape;
  return Object.entries(value).flatMap(([key, item]) => {
    const known = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (known !== undefined) return unknownKeys(known, item, [...path, key]);
    return item === undefined ? [] : [[...path, key]];
  });
}

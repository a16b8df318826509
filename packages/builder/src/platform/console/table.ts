import { inspect } from './inspect.ts';

/** console.table: rows and columns with a frame; undefined when the data has no rows. */
export function table(data: unknown, only?: string[]): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const columns = new Set<string>(only ?? []);
  let plain = false;
  const rows = Object.entries(data).map(([index, row]) => {
    const isRecord = typeof row === 'object' && row !== null;
    if (!isRecord) plain = true;
    if (isRecord && only === undefined) for (const key of Object.keys(row)) columns.add(key);
    return { index, row, isRecord };
  });
  const names = ['(index)', ...columns, ...(plain ? ['Values'] : [])];
  const cells = rows.map(({ index, row, isRecord }) => {
    const record = (isRecord ? row : {}) as Record<string, unknown>;
    const shown = [...columns].map((key) =>
      Object.hasOwn(record, key) ? inspect(record[key], 0) : '',
    );
    return [index, ...shown, ...(plain ? [isRecord ? '' : inspect(row, 0)] : [])];
  });
  const widths = names.map((name, i) =>
    Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const rule = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const line = (row: string[]): string =>
    `│${row.map((cell, i) => ` ${cell.padEnd(widths[i] ?? 0)} `).join('│')}│`;
  return [
    rule('┌', '┬', '┐'),
    line(names),
    rule('├', '┼', '┤'),
    ...cells.map(line),
    rule('└', '┴', '┘'),
  ].join('\n');
}

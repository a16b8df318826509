/** What goes down with an inspection, from `inspect.ts` through `inspect-object.ts` and back. */

export interface Inspection {
  depth: number;
  readonly depthMax: number;
  readonly seen: object[];
  /** How to go on with what an object holds. */
  readonly inspectValue: (value: unknown, inspection: Inspection) => string;
}

/** A log line has a bound of its own at the host; this only keeps a huge value from costing time. */
const STRING_LENGTH_MAX = 10_000;

export function quote(text: string): string {
  const cut =
    text.length > STRING_LENGTH_MAX
      ? `${text.slice(0, STRING_LENGTH_MAX)}... ${text.length - STRING_LENGTH_MAX} more characters`
      : text;
  const escaped = JSON.stringify(cut).slice(1, -1).replaceAll('\\"', '"');
  if (!cut.includes("'")) return `'${escaped}'`;
  if (!cut.includes('"')) return `"${escaped}"`;
  return cut.includes('`') ? `'${escaped.replaceAll("'", "\\'")}'` : `\`${escaped}\``;
}

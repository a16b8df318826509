import { PopmeshError } from '@popmesh/contracts';
import type { HeaderList } from './door.ts';

/** Headers as `name: value` lines: one string crosses threads and the guest's border cheaply. */

export function toHeaderList(lines: string): HeaderList {
  const list: HeaderList = [];
  for (const line of lines.split('\n')) {
    if (line === '') continue;
    const at = line.indexOf(':');
    if (at <= 0) throw new PopmeshError('invalid_response', 'A header line has no name');
    list.push([line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()]);
  }
  return list;
}

export function toHeaderLines(list: HeaderList): string {
  let lines = '';
  for (const [name, value] of list) {
    if (name.includes('\n') || value.includes('\n') || name.includes(':')) {
      throw new PopmeshError('invalid_response', 'A header has a line break');
    }
    lines += `${name}: ${value}\n`;
  }
  return lines;
}

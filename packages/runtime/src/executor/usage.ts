import type { FunctionId } from '@popmesh/contracts';
import type { UsageRow } from './control.ts';

/** Counters per function and version, taken away with each report. */
export class UsageMeter {
  #rows = new Map<string, UsageRow>();
  #reports = 0;

  row(id: FunctionId, version: number): UsageRow {
    const key = `${id}@${version}`;
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = emptyUsage(id, version);
      this.#rows.set(key, row);
    }
    return row;
  }

  /** The same by a function that need not look it up for each request. */
  rowOf(id: FunctionId, version: number): () => UsageRow {
    let row: UsageRow | undefined;
    let report = -1;
    return () => {
      if (row !== undefined && report === this.#reports) return row;
      report = this.#reports;
      row = this.row(id, version);
      return row;
    };
  }

  take(): UsageRow[] {
    this.#reports++;
    const rows = [...this.#rows.values()];
    this.#rows = new Map();
    return rows;
  }
}

export const emptyUsage = (id: FunctionId, version: number): UsageRow => ({
  function: id,
  version,
  requests: 0,
  errors: 0,
  coldStarts: 0,
  wallMs: 0,
  cpuMs: 0,
  bytesIn: 0,
  bytesOut: 0,
  gbSeconds: 0,
  memoryBytesMax: 0,
});

export function addUsage(total: UsageRow, more: UsageRow): void {
  total.requests += more.requests;
  total.errors += more.errors;
  total.coldStarts += more.coldStarts;
  total.wallMs += more.wallMs;
  total.cpuMs += more.cpuMs;
  total.bytesIn += more.bytesIn;
  total.bytesOut += more.bytesOut;
  total.gbSeconds += more.gbSeconds;
  total.memoryBytesMax = Math.max(total.memoryBytesMax, more.memoryBytesMax);
}

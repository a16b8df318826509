import { open, readFile, rename } from 'node:fs/promises';
import { type FunctionId, type Logger, PopmeshError } from '@popmesh/contracts';

/**
 * Which versions could not be made ready here, over restarts: what ran before starts on demand,
 * and what never ran must prove itself, or a node that restarts would announce a version that
 * nobody can serve. On disk before the failure is announced. Refused: keeping what was ready
 * instead, for then a lost file would start an instance of every function at once.
 */

interface Entry {
  readonly error: PopmeshError;
  /** Given up at this revision, since it kept ending its executor; not tried again until the next. */
  readonly lostAt: bigint | undefined;
}

export class FailedVersions {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #entries: Map<FunctionId, Map<string, Entry>>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, logger: Logger, entries: Map<FunctionId, Map<string, Entry>>) {
    this.#path = path;
    this.#logger = logger;
    this.#entries = entries;
  }

  /** A file that cannot be read is as none: at worst a first request finds the failure again. */
  static async open(path: string, logger: Logger): Promise<FailedVersions> {
    let entries = new Map<FunctionId, Map<string, Entry>>();
    try {
      entries = parse(await readFile(path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        logger.warn('what failed before is not known', { path, error: String(error) });
      }
    }
    return new FailedVersions(path, logger, entries);
  }

  has(id: FunctionId, version: string): boolean {
    return this.#entries.get(id)?.has(version) === true;
  }

  lost(id: FunctionId, version: string): Entry | undefined {
    const entry = this.#entries.get(id)?.get(version);
    return entry?.lostAt === undefined ? undefined : entry;
  }

  /** Resolves when it is on disk, or cannot be written; `kept` are the versions that there are. */
  note(
    id: FunctionId,
    failed: { readonly versions: readonly string[]; readonly kept: readonly string[] },
    error: PopmeshError,
    lostAt?: bigint,
  ): Promise<void> {
    const kept = new Set(failed.kept);
    const held = [...(this.#entries.get(id) ?? [])].filter(([version]) => kept.has(version));
    const added = failed.versions.map((version) => [version, { error, lostAt }] as const);
    this.#entries.set(id, new Map([...held, ...added]));
    return this.#write();
  }

  /** Made ready after all, or gone. */
  clear(id: FunctionId, versions?: readonly string[]): void {
    const held = this.#entries.get(id);
    if (held === undefined) return;
    const before = held.size;
    for (const version of versions ?? [...held.keys()]) held.delete(version);
    if (held.size === 0) this.#entries.delete(id);
    if (held.size !== before) void this.#write();
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  #write(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      try {
        const temporary = `${this.#path}.tmp`;
        const file = await open(temporary, 'w', 0o600);
        try {
          await file.writeFile(this.#text());
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, this.#path);
      } catch (error) {
        this.#logger.warn('what failed could not be noted', { error });
      }
    });
    return this.#writing;
  }

  #text(): string {
    const rows = [...this.#entries].flatMap(([id, versions]) =>
      [...versions].map(([version, { error, lostAt }]) => ({
        function: id,
        version,
        error: error.toJSON(),
        ...(lostAt === undefined ? {} : { lostAt: lostAt.toString() }),
      })),
    );
    return `${JSON.stringify(rows)}\n`;
  }
}

function parse(text: string): Map<FunctionId, Map<string, Entry>> {
  const entries = new Map<FunctionId, Map<string, Entry>>();
  for (const row of JSON.parse(text) as Record<string, unknown>[]) {
    const id = String(row.function) as FunctionId;
    const held = entries.get(id) ?? new Map<string, Entry>();
    const lostAt = typeof row.lostAt === 'string' ? BigInt(row.lostAt) : undefined;
    held.set(String(row.version), { error: PopmeshError.fromJSON(row.error), lostAt });
    entries.set(id, held);
  }
  return entries;
}

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GLUE_FILE } from '../prepare/generate-options.ts';
import type { Prepared } from '../prepare/preparer.ts';
import { loadPrepared, MANIFEST_FILE, sha256 } from '../prepare/store.ts';

/**
 * What a fault of the engine would do: the glue of a component, as if prepared so, ends the
 * whole process from inside. Refused: a kill from outside, which says nothing of who is at fault.
 */
export async function poison({ directory }: Prepared): Promise<void> {
  const { manifest, files } = await loadPrepared(directory);
  const glue = Buffer.from(files.get(GLUE_FILE) ?? '').toString();
  const source = `process.kill(process.pid, 'SIGSEGV');\n${glue}`;
  await writeFile(join(directory, 'poison'), source);
  const changed = {
    name: GLUE_FILE,
    sizeBytes: Buffer.byteLength(source),
    sha256: sha256(Buffer.from(source)),
    file: 'poison',
    offset: 0,
  };
  const all = manifest.files.map((file) => (file.name === GLUE_FILE ? changed : file));
  const line = JSON.stringify({ ...manifest, files: all });
  await writeFile(join(directory, MANIFEST_FILE), `${line}\n${sha256(Buffer.from(line))}\n`);
}

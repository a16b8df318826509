import { createReadStream, existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PopmeshError } from '@popmesh/contracts';
import { AUDIT_FILE, type AuditLine, FIRST_HASH, hashOf, rotatedFiles } from './audit-log.ts';

/**
 * The audit log read back, without its node: whether its chain holds over all files, and its last
 * lines. Files are read as streams, since there may be years of them.
 */

export interface AuditLineAt {
  readonly file: string;
  /** 1-based, in its file. */
  readonly line: number;
  readonly text: string;
  /** False for what stands after the last line break: it was being written, or the disk was full. */
  readonly isWhole: boolean;
}

export type AuditProblem = 'altered' | 'unreadable' | 'out_of_chain' | 'another_log';

export interface AuditVerdict {
  readonly files: readonly string[];
  readonly lines: number;
  /** Whether the first line is the first that was ever written: files may have been archived. */
  readonly fromTheBeginning: boolean;
  /** An end that was never acknowledged; the node cuts it off when it starts. */
  readonly tornEnd: boolean;
  /** The first line that does not fit; what comes after it is not judged. */
  readonly broken?: {
    readonly file: string;
    readonly line: number;
    readonly problem: AuditProblem;
    readonly message: string;
  };
}

/** Oldest first. A path is a data folder, or one file; throws `not_found` where there is none. */
export async function auditFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const isFolder = await stat(path).then(
      (facts) => facts.isDirectory(),
      (cause: Error) => {
        throw new PopmeshError('not_found', `cannot read ${path}: ${cause.message}`, { cause });
      },
    );
    if (!isFolder) {
      files.push(path);
      continue;
    }
    const ordered = await rotatedFiles(path);
    const newest = join(path, AUDIT_FILE);
    if (existsSync(newest)) ordered.push(newest);
    if (ordered.length === 0) {
      throw new PopmeshError('not_found', `there is no audit log in ${path}`, {
        hint: 'Name the data folder of a node, or the files themselves.',
      });
    }
    files.push(...ordered);
  }
  return files;
}

/** Far more than any line that was ever written; what is longer is cut, and no line of ours. */
const LINE_LENGTH_MAX = 1024 * 1024;

export async function* readAuditLines(files: readonly string[]): AsyncGenerator<AuditLineAt> {
  for (const file of files) {
    let line = 0;
    // Only what is new is looked through: a disk that lost its blocks may show gigabytes of zeros.
    let rest = '';
    for await (const chunk of createReadStream(file, 'utf8')) {
      const [first = '', ...more] = String(chunk).split('\n');
      if (rest.length < LINE_LENGTH_MAX) rest += first;
      for (const next of more) {
        yield { file, line: ++line, text: rest, isWhole: true };
        rest = next;
      }
    }
    if (rest !== '') yield { file, line: ++line, text: rest, isWhole: false };
  }
}

export async function verifyAudit(files: readonly string[]): Promise<AuditVerdict> {
  let lines = 0;
  let previous: string | undefined;
  let fromTheBeginning = false;
  const newest = files.at(-1);
  const verdict = (more: Pick<AuditVerdict, 'tornEnd' | 'broken'>): AuditVerdict => ({
    files,
    lines,
    fromTheBeginning,
    ...more,
  });
  for await (const { file, line, text, isWhole } of readAuditLines(files)) {
    // Only the newest file can end in the middle of a write.
    if (!isWhole && file === newest) return verdict({ tornEnd: true });
    const read = isWhole ? parseAuditLine(text) : undefined;
    const problem = problemOf(read, previous);
    if (problem !== undefined) {
      const message = `${file}, line ${line}: ${MESSAGES[problem]}`;
      return verdict({ tornEnd: false, broken: { file, line, problem, message } });
    }
    if (previous === undefined) fromTheBeginning = read?.previous === FIRST_HASH;
    previous = read?.hash;
    lines++;
  }
  return verdict({ tornEnd: false });
}

const MESSAGES: Readonly<Record<AuditProblem, string>> = {
  unreadable: 'it is no line of an audit log',
  altered: 'it is not what was written: its hash is another',
  another_log:
    'another log begins here: that of another node, to be checked by itself, or one in the place of what was taken out',
  out_of_chain: 'it does not follow the line before: something between was taken out or put in',
};

function problemOf(
  read: AuditLine | undefined,
  previous: string | undefined,
): AuditProblem | undefined {
  if (read === undefined) return 'unreadable';
  const { hash, ...line } = read;
  if (hash !== hashOf(line)) return 'altered';
  if (previous === undefined || line.previous === previous) return undefined;
  return line.previous === FIRST_HASH ? 'another_log' : 'out_of_chain';
}

/** Undefined for what is no line of ours. */
export function parseAuditLine(text: string): AuditLine | undefined {
  try {
    const value = JSON.parse(text) as AuditLine;
    return typeof value === 'object' && value !== null && typeof value.hash === 'string'
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}

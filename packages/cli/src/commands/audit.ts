import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditLine } from '@popmesh/node';
import type { Command } from 'commander';
import { ExitWith, type Surroundings, terminalOf, wholeNumber } from '../command-line.ts';
import { EXIT } from '../exit-codes.ts';
import { neutraliseLine } from '../terminal/neutralise.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** `popmesh audit`: reads the files of a node on its own machine; the node need not run. */

const FOLLOW_POLL_MS = 500;
const LINES = 20;
const LINES_MAX = 100_000;

export function registerAudit(program: Command, around: Surroundings): void {
  const audit = program
    .command('audit')
    .description('who changed what: the log that each node keeps in its data folder');

  audit
    .command('verify')
    .description('check that no line was altered, taken out or put in')
    .argument('<paths...>', 'data folder of a node, or files, oldest first')
    .addHelpText(
      'after',
      `
Examples:
  popmesh audit verify /var/lib/popmesh/fra-1
  popmesh audit verify archive/audit-1700000000000.log /var/lib/popmesh/fra-1 --json

Ends with 1 when the chain is broken, and names the first line that does not fit. Lines
cut off at the end do not show: ship them elsewhere against that.`,
    )
    .action(async (paths: string[], _options: object, command: Command) => {
      const terminal = terminalOf(command, around);
      // Here, since all other commands would load a whole node for it.
      const { auditFiles, verifyAudit } = await import('@popmesh/node');
      const files = await auditFiles(paths.map((path) => resolve(around.cwd, path)));
      const verdict = await verifyAudit(files);
      const { lines, broken, tornEnd, fromTheBeginning } = verdict;
      if (terminal.json) terminal.printJson({ intact: broken === undefined, ...verdict });
      else if (broken !== undefined) terminal.print(`broken at ${broken.message}`);
      else {
        terminal.print(
          `intact: ${lines} lines in ${files.length} ${files.length === 1 ? 'file' : 'files'}`,
        );
        if (lines > 0 && !fromTheBeginning)
          terminal.say('what came before the first file is not judged');
        if (tornEnd) terminal.say('the last line is half written: it was never acknowledged');
      }
      if (broken !== undefined) throw new ExitWith(EXIT.failure);
    });

  audit
    .command('tail')
    .description('show the last lines, and with --follow those that come')
    .argument('<folder>', 'data folder of a node, or one file')
    .option('-n, --lines <number>', 'this many', wholeNumber, LINES)
    .option('-f, --follow', 'until Ctrl-C')
    .addHelpText(
      'after',
      '\nExamples:\n  popmesh audit tail /var/lib/popmesh/fra-1\n  popmesh audit tail -n 1000 --json /var/lib/popmesh/fra-1 | jq .who',
    )
    .action(async (path: string, options: TailOptions, command: Command) => {
      const terminal = terminalOf(command, around);
      const shown = Math.min(options.lines, LINES_MAX);
      const from = resolve(around.cwd, path);
      for await (const line of tail(from, shown, options.follow === true, around.interrupted)) {
        showLine(line, terminal);
      }
    });
}

interface TailOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

/** By hash: a line keeps its hash when its file is rotated while it is followed. */
async function* tail(
  path: string,
  shown: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<AuditLine> {
  const { auditFiles, parseAuditLine, readAuditLines } = await import('@popmesh/node');
  let last: string | undefined;
  let seen = '';
  for (let files = await auditFiles([path]); ; files = (await auditFiles([path])).slice(-2)) {
    const newest = files.at(-1) ?? '';
    const now = `${newest} ${(await stat(newest)).size}`;
    // A whole file is read at each change, which are few.
    if (now === seen) {
      await pause(signal);
      if (signal.aborted) return;
      continue;
    }
    seen = now;
    let lines: AuditLine[] = [];
    for await (const { text, isWhole } of readAuditLines(files)) {
      const line = isWhole ? parseAuditLine(text) : undefined;
      if (line === undefined) continue;
      lines.push(line);
      if (last === undefined && lines.length > 2 * shown) lines = lines.slice(-shown);
    }
    const seenAt = lines.findLastIndex(({ hash }) => hash === last);
    yield* last === undefined
      ? lines.slice(lines.length - Math.min(shown, lines.length))
      : lines.slice(seenAt + 1);
    last = lines.at(-1)?.hash ?? last ?? '';
    if (!follow || signal.aborted) return;
  }
}

const pause = (signal: AbortSignal): Promise<unknown> =>
  sleep(FOLLOW_POLL_MS, undefined, { signal }).catch(() => {});

const KNOWN = new Set(['timeMs', 'action', 'who', 'what', 'from', 'previous', 'hash']);

function showLine(line: AuditLine, terminal: Terminal): void {
  if (terminal.json) {
    terminal.printJson(line);
    return;
  }
  const date = new Date(line.timeMs);
  const time = Number.isNaN(date.getTime()) ? '?' : date.toISOString();
  const more = Object.entries(line)
    .filter(([key]) => !KNOWN.has(key))
    .map(([key, value]) => ` ${key}=${key === 'digest' ? String(value).slice(0, 12) : value}`)
    .join('');
  const text = `${String(line.action).padEnd(8)} ${line.what} by ${line.who} from ${line.from}`;
  terminal.print(`${time} ${neutraliseLine(text)}${terminal.style('dim', neutraliseLine(more))}`);
}

/**
 * Load for the figures: `wrk` where the machine has it or can install it, because
 * it leaves the cores to what is measured; autocannon otherwise. One run uses one
 * of them for everything, so the ratios hold either way.
 */
import { spawn, spawnSync } from 'node:child_process';
import autocannon from 'autocannon';

export interface LoadFigures {
  readonly rps: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly name: string;
  run(
    url: string,
    headers: Readonly<Record<string, string>>,
    seconds: number,
  ): Promise<LoadFigures>;
  /** The same, kept to one core; absent where it cannot be. */
  onCore?(core: number): Load;
}

/** As in the design's own measurements. */
const CONNECTIONS = 32;

const round = (value: number): number => Math.round(value * 100) / 100;

function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.on('data', (chunk) => {
      text += chunk;
    });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${command}: ${text}`)),
    );
  });
}

const MS_PER: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** wrk prints `99%   12.34ms`. */
function percentileMs(text: string, percent: number): number {
  const match = new RegExp(`^\\s*${percent}%\\s+([\\d.]+)(us|ms|s|m)\\s*$`, 'm').exec(text);
  if (match === null) throw new Error(`no ${percent}% line in wrk's output:\n${text}`);
  return round(Number(match[1]) * (MS_PER[match[2] as string] as number));
}

export function readWrk(text: string): LoadFigures {
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(text) ?? /Socket errors: (.*)/.exec(text);
  if (bad !== null) throw new Error(`the load did not succeed everywhere: ${bad[0]}`);
  const rps = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  return { rps: Math.round(rps), p50Ms: percentileMs(text, 50), p99Ms: percentileMs(text, 99) };
}

const wrk = (prefix: readonly string[]): Load => ({
  name: 'wrk',
  onCore: (core) => wrk(['taskset', '-c', String(core)]),
  run: async (url, headers, seconds) => {
    const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const [command = 'wrk', ...before] = [...prefix, 'wrk'];
    return readWrk(
      await output(command, [
        ...before,
        '-t1',
        `-c${CONNECTIONS}`,
        `-d${seconds}s`,
        '--latency',
        ...fields,
        url,
      ]),
    );
  },
});

const cannon: Load = {
  name: 'autocannon',
  run: async (url, headers, seconds) => {
    const result = await autocannon({
      url,
      headers: { ...headers },
      connections: CONNECTIONS,
      duration: seconds,
    });
    if (result.non2xx + result.errors > 0) {
      throw new Error(
        `the load did not succeed everywhere: ${result.non2xx} non-2xx, ${result.errors} errors`,
      );
    }
    return {
      rps: Math.round(result.requests.average),
      p50Ms: result.latency.p50,
      p99Ms: result.latency.p99,
    };
  },
};

const works = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).error === undefined;

export function chooseLoad(note: (line: string) => void): Load {
  if (works('wrk', ['-v'])) return wrk([]);
  if (process.getuid?.() === 0 && works('apt-get', ['--version'])) {
    note('installing wrk…');
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' });
    spawnSync('apt-get', ['install', '-y', '-qq', 'wrk'], { stdio: 'ignore' });
    if (works('wrk', ['-v'])) return wrk([]);
  }
  return cannon;
}

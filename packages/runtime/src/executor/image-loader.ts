import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/**
 * Preloaded into executor processes and their workers, as a file of the code image
 * (code-image.ts): gives Node our modules with their types taken out already.
 */

const image = JSON.parse(readFileSync(new URL('./image.json', import.meta.url), 'utf8')) as {
  readonly names: Readonly<Record<string, string>>;
  readonly sources: Readonly<Record<string, string>>;
};

function urlOf(specifier: string, parent: string | undefined): string {
  const named = image.names[specifier];
  if (named !== undefined) return named;
  if (!specifier.startsWith('.') || parent === undefined) return specifier;
  return new URL(specifier, parent).href;
}

registerHooks({
  resolve(specifier, context, next) {
    const url = urlOf(specifier, context.parentURL);
    if (image.sources[url] === undefined) return next(specifier, context);
    return { url, format: 'module', shortCircuit: true };
  },
  load(url, context, next) {
    const source = image.sources[url];
    if (source === undefined) return next(url, context);
    return { format: 'module', source, shortCircuit: true };
  },
});

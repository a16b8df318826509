import { ByteReader } from '../check/bytes.ts';
import { sectionOf } from './encode-sections.ts';
import { type ModuleImage, takeModuleImage } from './module-image.ts';
import { isSourceMap } from './source-map.ts';
import { sha256 } from './store.ts';

/**
 * A component without what makes it this one function: the skeleton that it shares with all
 * that were built with the same engine and for the same world. The transpiler sees only the
 * skeleton, so what it writes cannot depend on the rest, and serves for all of them.
 * Refused: comparing what it wrote for two functions, which shows it for those two.
 */

const CUSTOM = 0;
const CORE_MODULE = 1;
const NESTED = 4;
const PREAMBLE_BYTES = 8;

export interface Skeleton {
  readonly component: Uint8Array;
  /** Core modules from which something was taken, as they stand in the skeleton. */
  readonly modules: readonly { readonly bytes: Uint8Array; readonly image: ModuleImage }[];
}

/** Of a component that was checked. Undefined where there is no snapshot to take out. */
export function takeSkeleton(component: Uint8Array): Skeleton | undefined {
  const modules: { bytes: Uint8Array; image: ModuleImage }[] = [];
  const bytes = withoutImages(component, modules, true);
  if (!modules.some(({ image }) => image.memory !== undefined)) return undefined;
  return { component: bytes, modules };
}

function withoutImages(
  component: Uint8Array,
  modules: { bytes: Uint8Array; image: ModuleImage }[],
  outermost: boolean,
): Uint8Array {
  const parts: Uint8Array[] = [component.subarray(0, PREAMBLE_BYTES)];
  const reader = new ByteReader(component, PREAMBLE_BYTES);
  while (!reader.done) {
    const start = reader.offset;
    const id = reader.byte('section');
    const { offset, end } = reader.slice(reader.u32('section size'), 'section');
    const whole = component.subarray(start, end);
    const body = component.subarray(offset, end);
    if (id === CORE_MODULE) {
      const split = takeModuleImage(body);
      if (split === undefined) parts.push(whole);
      else {
        parts.push(sectionOf(id, split.module));
        modules.push({ bytes: split.module, image: split.image });
      }
    } else if (id === NESTED) parts.push(sectionOf(id, withoutImages(body, modules, false)));
    else if (!(id === CUSTOM && outermost && isSourceMap(body))) parts.push(whole);
  }
  return Buffer.concat(parts);
}

/** What names a component's engine (supervise/engines.ts), and how large its memory begins. */
export function skeletonOf(
  component: Uint8Array,
): { readonly digest: string; readonly memoryPages: number } | undefined {
  const skeleton = takeSkeleton(component);
  const pages = skeleton?.modules.flatMap(({ image }) => image.memory?.pages ?? []);
  if (skeleton === undefined || pages === undefined) return undefined;
  return { digest: sha256(skeleton.component), memoryPages: Math.min(...pages) };
}

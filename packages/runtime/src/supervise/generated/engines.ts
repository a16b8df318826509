/** Written by `npm run generate` (scripts/engines.ts). Take out what nobody serves any more. */
import type { Engine } from '../engines.ts';

export const ENGINES: readonly Engine[] = [
  {
    skeleton: '9f2fd25af272d1cea3ec93f838749363c0eabf5e54e6ceac972254e8f810cabb',
    memoryPages: 48,
    builtBy: 'popmesh-builder componentize-qjs 0.4.5',
  },
];

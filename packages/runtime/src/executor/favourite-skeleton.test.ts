import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComponentCode, MemoryImage } from '../worker/component-code.ts';
import type { MakeReadyMessage } from '../worker/wire.ts';
import { FavouriteSkeleton } from './favourite-skeleton.ts';

const PAGE_BYTES = 65_536;

const codeWith = (pages: number, segments: MemoryImage['segments']): ComponentCode =>
  ({
    skeleton: 's',
    isOwnEngine: true,
    active: new Set(),
    images: [
      {
        module: 'core',
        globals: [{ name: 'g', value: 7 }],
        memory: { name: 'memory', pages, segments, path: '/p', sizeBytes: 1, sha256: 'x' },
      },
    ],
  }) as unknown as ComponentCode;

/** What a blank worker is told of the memory. */
const told = (favourite: FavouriteSkeleton) => {
  const [image] = favourite.message?.code.images ?? [];
  assert.deepEqual(image?.globals, []);
  return { pages: image?.memory?.pages, segments: image?.memory?.segments };
};

test('how far images reach is known ahead, so that their pages are there before a request', () => {
  const favourite = new FavouriteSkeleton();
  const door = 'popmesh:function';
  const expected = { type: 'make-ready', door, code: codeWith(90, []) } as MakeReadyMessage;
  favourite.expect(expected);
  const segments = [
    { offset: PAGE_BYTES, sizeBytes: 2 * PAGE_BYTES },
    { offset: 4 * PAGE_BYTES, sizeBytes: 10 },
  ];
  favourite.started(codeWith(97, segments), door);
  const reach = [{ offset: 0, sizeBytes: 4 * PAGE_BYTES + 10 }];
  assert.deepEqual(told(favourite), { pages: 90, segments: reach });
  favourite.started(codeWith(80, segments.slice(0, 1)), door);
  const shorter = [{ offset: 0, sizeBytes: 3 * PAGE_BYTES }];
  assert.deepEqual(told(favourite), { pages: 80, segments: shorter });
  favourite.started(codeWith(97, segments), door);
  assert.deepEqual(told(favourite), { pages: 80, segments: shorter }, 'the smallest');
});

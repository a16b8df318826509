/**
 * Entry of the one-shot child that turns a bundle into a portable component. The library
 * starts the snapshotter as a process of its own and waits for it without turning the event
 * loop, so the one who started this ends the whole process group.
 */
import { componentize } from '@bytecodealliance/componentize-js';

export interface StarlingMonkeyRequest {
  readonly sourcePath: string;
  readonly world: string;
  readonly worldName: string;
}

process.once('message', (request: StarlingMonkeyRequest) => {
  void run(request).then((answer) => {
    process.send?.(answer, undefined, undefined, () => process.disconnect?.());
  });
});

async function run({ sourcePath, world, worldName }: StarlingMonkeyRequest) {
  try {
    // The inline form of the world is not in the library's types, and is what it reads best.
    const options = { sourcePath, witWorld: world, worldName };
    const { component } = await componentize(options);
    return { component };
  } catch (caught) {
    return { error: caught instanceof Error ? caught.message : String(caught) };
  }
}

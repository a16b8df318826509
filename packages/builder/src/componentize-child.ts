/**
 * Entry of the one-shot child that turns a bundle into a component. A process
 * of its own, because evaluating the author's module happens inside a native
 * call that nothing but ending the process can stop.
 */
import { componentize } from 'componentize-qjs';

export interface ComponentizeRequest {
  readonly source: string;
  readonly witPath: string;
  readonly world: string;
}

export type ComponentizeAnswer = { readonly component: Uint8Array } | { readonly error: string };

process.once('message', (request: ComponentizeRequest) => {
  void run(request).then((answer) => {
    process.send?.(answer, undefined, undefined, () => process.disconnect?.());
  });
});

async function run({ source, witPath, world }: ComponentizeRequest): Promise<ComponentizeAnswer> {
  try {
    const { component } = await componentize({ jsSource: source, witPath, world, stubWasi: true });
    return { component };
  } catch (caught) {
    return { error: caught instanceof Error ? caught.message : String(caught) };
  }
}

import { outcome, type Run } from './areas/area.ts';
import { AREAS } from './areas/index.ts';

/** The function under test: inputs of one kind in, what each came to out. */
export default {
  async fetch(request: Request): Promise<Response> {
    const { area, kind, inputs } = (await request.json()) as {
      area: string;
      kind: string;
      inputs: unknown[];
    };
    const run = AREAS[area]?.[kind] as Run;
    const outcomes: unknown[] = [];
    for (const input of inputs) outcomes.push(await outcome(() => run(input as never)));
    return Response.json(outcomes);
  },
};

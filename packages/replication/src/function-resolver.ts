import {
  type Logger,
  mergeRecord,
  type OpaqueRecord,
  PopmeshError,
  type RecordResolver,
} from '@popmesh/contracts';
import {
  FUNCTION_PREFIX,
  type FunctionRecord,
  FunctionRecordSchema,
  fromBinary,
  functionIdOfKey,
  type NodeIdentity,
  sealRecord,
  toBinary,
} from '@popmesh/protocol';
import { dominates, joined, type Side } from './function-merge.ts';
import { describes } from './function-record.ts';

/**
 * Joins function records that were made without knowing of each other, and signs the result as
 * this node. Nodes only: a gateway signs no function, and takes what nodes made of it. The
 * revision is the next after the higher one, so that whoever joins the same two writes the same,
 * and every member takes it over either.
 */

/** Decoding is most of the cost; what is held is looked at again with each arrival. */
type Decoded = FunctionRecord | 'unreadable';

export function createFunctionResolver(options: {
  readonly identity: NodeIdentity;
  readonly logger: Logger;
}): RecordResolver {
  const { identity, logger } = options;
  const decoded = new WeakMap<OpaqueRecord, Decoded>();

  const sideOf = (opaque: OpaqueRecord): Side | undefined => {
    let record = decoded.get(opaque);
    if (record === undefined) {
      record = decode(opaque);
      decoded.set(opaque, record);
    }
    return record === 'unreadable' ? undefined : { record, revision: opaque.revision };
  };

  return {
    owns: (key) => key.startsWith(FUNCTION_PREFIX),
    resolve(held, incoming) {
      const [a, b] = [sideOf(held), sideOf(incoming)];
      if (a === undefined || b === undefined) return undefined;
      const outcome = mergeRecord(held, incoming);
      if (outcome === 'equal') return undefined;
      if (outcome === 'applied' ? dominates(b, a) : dominates(a, b)) return undefined;
      try {
        const newer = outcome === 'applied' ? incoming : held;
        const revision = newer.revision + 1n;
        const payload = toBinary(FunctionRecordSchema, joined(a, b));
        return sealRecord(identity, held.key, revision, payload);
      } catch (caught) {
        // Two records that no record can hold together: the newer one, as for any other key.
        const error = PopmeshError.from(caught);
        logger.error('two records of a function could not be joined', { key: held.key, error });
        return undefined;
      }
    },
  };
}

function decode({ key, payload }: OpaqueRecord): Decoded {
  try {
    const record = fromBinary(FunctionRecordSchema, payload);
    return describes(record, functionIdOfKey(key) ?? '') ? record : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

/**
 * Promise as the engine made it: what an author does to the global one, or to its prototype,
 * spoils their own code and not how requests come and go.
 */
const EnginePromise = Promise;
const { then: promiseThen } = Promise.prototype;

export { EnginePromise, promiseThen };

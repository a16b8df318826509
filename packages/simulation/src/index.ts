export { type OwnAddress, ownAddress } from './own-address.ts';
export * from './seeded-random.ts';
export * from './simulated-network.ts';
export * from './stallable-clock.ts';
export * from './virtual-clock.ts';

export { createOutbound, type OutboundExtras } from './outbound.ts';

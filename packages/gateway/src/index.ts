export { type GatewayConfig, gatewayConfigSchema, loadGatewayConfig } from './config.ts';
export {
  type FunctionState,
  type MemberState,
  MemoryMeshView,
  type MeshChange,
  type MeshView,
  type NodeState,
} from './mesh-view.ts';
export { type GatewayDeps, type RunningGateway, startGateway } from './start-gateway.ts';
export { type TrafficConfig, type TrafficDeps, TrafficPlane } from './traffic-plane.ts';

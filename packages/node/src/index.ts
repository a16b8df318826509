export { type AuditLine, AuditLog } from './audit-log.ts';
export {
  type AuditVerdict,
  auditFiles,
  parseAuditLine,
  readAuditLines,
  verifyAudit,
} from './audit-read.ts';
export {
  loadNodeConfig,
  NODE_ENV_PREFIX,
  type NodeConfig,
  type NodeConfigInput,
  nodeConfigSchema,
  parseNodeConfig,
} from './config.ts';
export { type NodeDeps, type RunningNode, startNode } from './start-node.ts';

export {
  type AuthFrame,
  type ClientFrame,
  contentProblem,
  type FrameProblem,
  isSeq,
  type ParsedFrame,
  type PingFrame,
  type Position,
  parseClientFrame,
  type SendFrame,
  type SignalSendFrame,
} from './client-frames.js';
export {
  CLOSE,
  type CloseCode,
  type CloseName,
  OVERLOADED_CODE,
  RATE_CODE,
  SESSION_DELETED_CODE,
  shouldReconnect,
  UNAUTHORIZED_CODE,
} from './close-codes.js';
export {
  type ConnectRequest,
  chooseProtocol,
  type ParsedConnect,
  parseConnectQuery,
  type ResumeRequest,
  type WireProtocol,
} from './connect-query.js';
export { HTTP_ERRORS, type HttpErrorCode, type HttpFailure, httpFailure, unreadableRequest } from './http.js';
export { jsonProblem } from './json-problem.js';
export * from './limits.js';
export { headProblem, type RawHead, RequestHead } from './request-head.js';
export * from './server-frames.js';

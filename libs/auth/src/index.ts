export { bearerToken } from './bearer.js';
export { type Identity, isRevoked, isSubject, SUBJECT_PATTERN, SUBJECT_RULE } from './identity.js';
export { signToken, type TokenContents } from './sign-token.js';
export {
  type AuthSettings,
  TOKEN_MAX_LENGTH,
  type TokenRefusal,
  type TokenRefusalCode,
  TokenVerifier,
  type TokenVerifierOptions,
  type Verdict,
} from './token-verifier.js';

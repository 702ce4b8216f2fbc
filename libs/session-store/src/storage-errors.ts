/** The store did not answer in time, or is not connected. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError';
}

/**
 * Redis answers, and failed while it carried the step out: it may have been taken, in whole or in part. A permission
 * may be missing, or the step be one that fails each time.
 */
export class OutcomeUnknownError extends StorageUnavailableError {}

/** The custom data would have more bytes than the caller allows. */
export class DataTooLargeError extends RangeError {
  override readonly name = 'DataTooLargeError';
  constructor(
    readonly sessionId: string,
    maxBytes: number,
  ) {
    super(`the data of session ${sessionId} would have more than ${maxBytes} bytes`);
  }
}

/** The value under the session's key is not a session. */
export class SessionCorruptError extends Error {
  override readonly name = 'SessionCorruptError';
  /** @param isForeign whether the key belongs to another program, so that nothing is changed or put aside (K8) */
  constructor(
    readonly sessionId: string,
    readonly isForeign = false,
  ) {
    super(`what is stored under session:${sessionId} cannot be read as a session`);
  }
}

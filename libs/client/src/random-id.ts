/** 96 bits: unique among the messages of one client beyond doubt, and short in every frame and log entry. */
export const SEND_ID_BYTES = 12;
/** 128 bits, as for every secret. */
export const SECRET_BYTES = 16;

/** Random bytes as base64url: characters of C2 only. `randomUUID` would need a secure context, this does not. */
export function randomId(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return btoa(String.fromCharCode(...random))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

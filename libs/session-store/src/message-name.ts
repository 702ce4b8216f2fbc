/** What a message and its repetitions have in common (A4): its sender's key and its id, which have no spaces. */
export function messageName({ senderKey, id }: { readonly senderKey: string; readonly id: string }): string {
  return `${senderKey} ${id}`;
}

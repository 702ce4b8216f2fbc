/** Removes what the client keeps of a session in this browser: its messages and those that were not sent yet. */
export function forgetSession(id: string): void {
  const begin = `holdfast:${id}:`;
  for (const key of Object.keys(localStorage)) if (key.startsWith(begin)) localStorage.removeItem(key);
}

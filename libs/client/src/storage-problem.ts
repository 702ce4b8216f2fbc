/**
 * Why this browser does not keep what it should. `full`: there is no room. `denied`: it lets this page store nothing.
 * `removed`: what was kept is gone, removed by another tab or in the browser's settings. `unreadable`: what was kept
 * could not be read and was set aside. `newer`: a later release keeps it in a form that this one does not know.
 */
export type StorageProblem = 'full' | 'denied' | 'removed' | 'unreadable' | 'newer';

/** @param error what a browser's storage has thrown */
export function storageProblemOf(error: unknown): 'full' | 'denied' {
  // Browsers name the error differently.
  return /quota/i.test(String(error)) ? 'full' : 'denied';
}

/** @param isStored whether the server stores the session's messages, so that only unsent ones depend on the browser */
export function storageSentence(problem: StorageProblem, isStored: boolean): string {
  const what = isStored ? 'Messages that are not sent yet' : 'Messages';
  switch (problem) {
    case 'full':
      return `The storage of this browser is full. ${what} that it does not hold are gone when you leave this page.`;
    case 'denied':
      return `This browser lets this page store nothing. ${what} are gone when you leave this page.`;
    case 'removed':
      return 'The messages that this browser kept were removed. Those shown here are gone when you leave this page.';
    case 'unreadable':
      return 'The messages that this browser kept could not be read. They were set aside, and keeping them begins anew.';
    case 'newer':
      return 'A newer version of this page keeps the messages in another form. Reload this page to see and keep them.';
  }
}

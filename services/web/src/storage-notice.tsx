import Alert from '@mui/material/Alert';
import { useState } from 'react';
import { type PageStorageProblem, useStorageProblem } from './browser-storage.js';

const SENTENCES: Record<PageStorageProblem, string> = {
  full: 'The storage of this browser is full. Sessions and drafts that it does not hold are gone when you leave this page.',
  denied:
    'This browser lets this page store nothing. Sessions, drafts and messages that are not in Redis are gone when you leave this page.',
  unreadable: 'The list of sessions that this browser kept could not be read. It was set aside, and a new one begins.',
};

/** Says what this browser does not keep for the page. What it does not keep of one session is said in its chat. */
export function StorageNotice() {
  const problem = useStorageProblem();
  const [dismissed, setDismissed] = useState<PageStorageProblem>();
  if (!problem || problem === dismissed) return null;
  return (
    <Alert severity="warning" square onClose={() => setDismissed(problem)} data-code={problem}>
      {SENTENCES[problem]}
    </Alert>
  );
}

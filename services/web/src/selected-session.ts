import { useState } from 'react';
import { readText, writeText } from './browser-storage.js';

const KEY = 'holdfast-web:selected';

/** The session that is open in this tab. A reload opens it again; another tab has its own. */
export function useSelectedSession() {
  const [selected, setSelected] = useState(() => readText('sessionStorage', KEY));
  const select = (id: string | undefined) => {
    setSelected(id);
    writeText('sessionStorage', KEY, id);
  };
  return [selected, select] as const;
}

import { useState } from 'react';

const KEY = 'holdfast-web:selected';

/** The session that is open in this tab. A reload opens it again; another tab has its own. */
export function useSelectedSession() {
  const [selected, setSelected] = useState(() => sessionStorage.getItem(KEY) ?? undefined);
  const select = (id: string | undefined) => {
    setSelected(id);
    if (id === undefined) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, id);
  };
  return [selected, select] as const;
}

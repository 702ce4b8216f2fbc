import { VARIABLES, type VariableName } from './environment.js';
import type { ServiceName } from './variable.js';

/** One row of the README's table. */
export interface EnvironmentRow {
  readonly name: VariableName;
  /** As text; empty when there is none. */
  readonly default: string;
  readonly meaning: string;
  /** The processes that act on it. Every process checks every variable. */
  readonly services: readonly ServiceName[];
}

/** Every variable with its default and meaning, in the README's order. */
export const ENVIRONMENT: readonly EnvironmentRow[] = Object.entries(VARIABLES).map(
  ([name, { fallback, meaning, services, ...rest }]) => ({
    name: name as VariableName,
    default: 'shown' in rest && rest.shown !== undefined ? rest.shown : String(fallback ?? ''),
    meaning,
    services,
  }),
);

/** The table of every variable in Markdown. A test holds that the README has it word for word. */
export function renderEnvironmentTable(): string {
  const rows = ENVIRONMENT.map(({ name, default: value, meaning, services }) => {
    return `| \`${name}\` | ${asCode(value)} | ${meaning} | ${services.join(', ')} |`;
  });
  return ['| variable | default | meaning | read by |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** A default that differs by service is written `1 (gateway), 2 (session-api)`: only the values are shown as code. */
function asCode(value: string): string {
  if (value === '') return '';
  const parts = value.split(', ').map((part) => /^(\S+)( \(.+\))?$/.exec(part));
  return parts.map((part) => `\`${part?.[1] ?? value}\`${part?.[2] ?? ''}`).join(', ');
}

import { ENVIRONMENT } from './environment.js';

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

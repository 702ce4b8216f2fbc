import { ENVIRONMENT } from './environment.js';

/** The README's table of every variable, as Markdown. A test holds that the README has it word for word. */
export function renderEnvironmentTable(): string {
  const rows = ENVIRONMENT.map(({ name, default: value, meaning, services }) => {
    const shown = value === '' ? '' : `\`${value}\``;
    return `| \`${name}\` | ${shown} | ${meaning} | ${services.join(', ')} |`;
  });
  return ['| variable | default | meaning | read by |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

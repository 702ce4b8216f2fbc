// The containers' health check: whether the process in this container is alive. Needs ADMIN_PORT, as the process does.
const { ADMIN_PORT } = process.env;

try {
  if (!ADMIN_PORT) throw new Error('ADMIN_PORT is not set');
  const answer = await fetch(`http://127.0.0.1:${ADMIN_PORT}/healthz`, { signal: AbortSignal.timeout(2_000) });
  if (!answer.ok) throw new Error(`/healthz answered ${answer.status}`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

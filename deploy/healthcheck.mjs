// The health check of the containers: is the process in this container alive? It needs the process' ADMIN_PORT.
const { ADMIN_PORT } = process.env;

try {
  if (!ADMIN_PORT) throw new Error('ADMIN_PORT is not set');
  const answer = await fetch(`http://127.0.0.1:${ADMIN_PORT}/healthz`, { signal: AbortSignal.timeout(2_000) });
  if (!answer.ok) throw new Error(`/healthz answered ${answer.status}`);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

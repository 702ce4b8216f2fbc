/**
 * Whether a process with this id runs on this machine.
 *
 * @param {number} pid 0, a negative or a fractional number, and NaN name no process
 * @returns {boolean} also true for another user's process, which may be seen but not signalled
 */
export function isRunning(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

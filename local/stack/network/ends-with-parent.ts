/**
 * Preloaded into a child process that has an IPC channel: it stops as on SIGTERM when its parent process has ended, for
 * whatever reason.
 */
const stop = () => process.kill(process.pid, "SIGTERM");

process.once("disconnect", stop);
// A listener would keep the process alive when nothing else does.
process.channel?.unref();
if (!process.connected) stop();

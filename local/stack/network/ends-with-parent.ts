/**
 * Preloaded into a child process that has an IPC channel: it stops as on SIGTERM when the process that started it is
 * gone, however that one ended.
 */
const stop = () => process.kill(process.pid, "SIGTERM");

process.once("disconnect", stop);
// A listener would keep the process alive after it has closed all else.
process.channel?.unref();
if (!process.connected) stop();

/**
 * Signals that ask the program to stop. Handlers run when the event loop turns: code that blocks in a system call or loops
 * without awaiting sees them late.
 */
import process from "node:process";

export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

const NUMBERS: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** 128 + n, what a shell reports of a program that the signal ended. */
export function signalExitCode(signal: StopSignal): number {
  return 128 + NUMBERS[signal];
}

/** Calls `handler` for each of the signals instead of ending the process, until the result is disposed of. */
export function onSignal(
  handler: (signal: StopSignal) => void,
  signals: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"],
): Disposable {
  const listeners = signals.map((signal) => [signal, () => handler(signal)] as const);
  const installed = listeners.filter(([signal, listener]) => install(signal, listener));
  return {
    [Symbol.dispose](): void {
      for (const [signal, listener] of installed.splice(0)) process.off(signal, listener);
    },
  };
}

function install(signal: StopSignal, listener: () => void): boolean {
  try {
    process.on(signal, listener);
    return true;
  } catch {
    // A system without this signal (SIGTERM under Windows).
    return false;
  }
}

/** Ends this process as the signal would have done without a handler. */
export function raise(signal: StopSignal): void {
  process.kill(process.pid, signal);
}

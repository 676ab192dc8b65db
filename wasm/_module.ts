/**
 * From the text that carries a kernel to an instance of it: decoded and compiled at first use, synchronously, then shared
 * by all instances. No file is read, so a bundle needs nothing beside itself.
 */

/** Size of the unit in which WASM memory grows. */
export const PAGE_BYTES = 65_536;

/** One instance's memory and functions; `Functions` is the kernel's signature. */
export type Kernel<Functions> = Functions & { readonly memory: WebAssembly.Memory };

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Known-answer tests by the kernel's text; see {@link proveAtFirstUse}. */
const proofs = new Map<string, () => void>();

/** `proof` runs, and may throw, before anything else uses the kernel that `base64` carries. */
export function proveAtFirstUse(base64: string, proof: () => void): void {
  proofs.set(base64, proof);
}

/** A function that makes a new instance with at least `bytes` of memory; throws RangeError where there is not so much. */
export function kernelFactory<Functions>(base64: string): (bytes: number) => Kernel<Functions> {
  let module: WebAssembly.Module | undefined;
  /** Those that the proof uses: hosts may keep them for all others to use. */
  let proving: Record<string, unknown>[] | undefined;
  const make = (module: WebAssembly.Module): Record<string, unknown> => {
    const { exports } = new WebAssembly.Instance(module, { env: { abort } });
    if (proving === undefined) return exports;
    const copy = { ...exports };
    proving.push(copy);
    return copy;
  };
  return (bytes) => {
    if (module === undefined) {
      module = new WebAssembly.Module(decodeBase64(base64));
      proving = [];
      try {
        proofs.get(base64)?.();
      } catch (error) {
        module = undefined;
        for (const kernel of proving) disable(kernel, error);
        throw error;
      } finally {
        proving = undefined;
      }
    }
    const kernel = make(module) as unknown as Kernel<Functions>;
    const missing = bytes - kernel.memory.buffer.byteLength;
    if (missing > 0) kernel.memory.grow(Math.ceil(missing / PAGE_BYTES));
    return kernel;
  };
}

/** Lets nobody use `kernel`, who has it already. */
function disable(kernel: Record<string, unknown>, error: unknown): void {
  for (const [name, value] of Object.entries(kernel)) {
    if (typeof value === "function") {
      kernel[name] = () => {
        throw error;
      };
    }
  }
}

/** Kernels are compiled without assertions and never call this; the compiler may still declare the import. */
function abort(): never {
  throw new Error("A WASM kernel gave up");
}

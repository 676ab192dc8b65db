/** A worker thread's side of sealing and opening (`slot_ring.ts`). Who starts the thread hands it the one message it gets. */
import { type Accel, Secret } from "../crypto/mod.ts";
import { createCodec, type WorkerKey } from "./codec.ts";
import { type KeyMaterial, type RandomBytes, wipeKey } from "./keys.ts";
import { openSlots } from "./slots.ts";
import type { ToWorker } from "./slot_ring.ts";
import { SlotWork } from "./slot_work.ts";

/** Works on the batches of `message` until its owner is done. Blocks the thread. */
export async function serveObjects(
  message: ToWorker,
  options: { accel: Accel | null; randomBytes: RandomBytes },
): Promise<void> {
  const material = materialOf(message.key);
  const codec = await createCodec(material, { ...options, nonce: null, keyless: message.key.keyless });
  wipeKey(material);
  await new SlotWork(openSlots(message.memory), codec, message.compression).serve();
  codec.dispose();
}

function materialOf(key: WorkerKey): KeyMaterial {
  return {
    mode: key.mode,
    repositoryId: new Uint8Array(32),
    encKey: new Secret(key.encKey),
    encHmacKey: new Secret(key.encHmacKey),
    idKey: new Secret(key.idKey),
    chunkSeed: 0,
    tamRequired: false,
  };
}

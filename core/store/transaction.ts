/**
 * Changes within one transaction: PUT and DELETE entries go to the log, and index, segment counts, freeable bytes, shadow
 * index and quota follow. In: ids and data. The state belongs to the transaction until it is committed or thrown away.
 *
 * Replacing an object writes a DELETE first, as borg does: quota and shadow index then stay right, and compaction cannot
 * bring the older PUT back.
 */
import { encodeHex } from "../bytes/mod.ts";
import { IntegrityError, RepositoryError } from "../errors.ts";
import { sizeText } from "./config.ts";
import { ID_HEADER_BYTES } from "./segment_format.ts";
import type { Log, RepositoryState } from "./state.ts";
import { MAX_DATA_SIZE } from "./store.ts";

export class Transaction {
  /** Why no commit is possible any more, null while it is. */
  doomed: unknown = null;

  /** `storageQuota` in bytes, 0 for none. */
  constructor(
    private readonly log: Log,
    readonly state: RepositoryState,
    private readonly storageQuota: number,
  ) {}

  put(id: Uint8Array, data: Uint8Array): void {
    if (data.length > MAX_DATA_SIZE) {
      throw new IntegrityError("IntegrityError", [`an object of ${data.length} bytes is over the limit`]);
    }
    const { index, hints } = this.state;
    this.#guard(() => {
      const slot = index.find(id);
      if (slot >= 0) this.#void(id, index.segment(slot), index.offset(slot));
      const offset = this.log.writer.put(id, data);
      const { segment } = this.log.writer;
      hints.storageQuotaUse += data.length + ID_HEADER_BYTES;
      hints.know(segment);
      hints.addLive(segment, 1);
      index.set(id, segment, offset);
      if (this.storageQuota > 0 && hints.storageQuotaUse > this.storageQuota) {
        throw new RepositoryError("Repository.StorageQuotaExceeded", [
          sizeText(this.storageQuota),
          sizeText(hints.storageQuotaUse),
        ]);
      }
    });
  }

  /** Throws Repository.ObjectNotFound, after which the transaction can go on. */
  delete(id: Uint8Array): void {
    const { index } = this.state;
    const slot = index.find(id);
    if (slot < 0) throw new RepositoryError("Repository.ObjectNotFound", [encodeHex(id), this.log.location]);
    this.#guard(() => {
      const segment = index.segment(slot);
      const offset = index.offset(slot);
      this.#void(id, segment, offset);
      index.remove(id);
    });
  }

  /** Enters a DELETE for the PUT at this place. */
  #void(id: Uint8Array, segment: number, offset: number): void {
    const { hints } = this.state;
    const { reader, writer } = this.log;
    writer.flushFor(segment, offset);
    const size = reader.entrySize(segment, offset, id);
    hints.shadow.add(id, segment);
    hints.addLive(segment, -1);
    hints.addFreeable(segment, size);
    writer.delete(id);
    hints.addFreeable(writer.segment, ID_HEADER_BYTES);
    hints.know(writer.segment);
  }

  /** After any failure in the middle of a change the state is not to be committed. */
  #guard(change: () => void): void {
    if (this.doomed !== null) throw this.doomed;
    try {
      change();
    } catch (error) {
      this.doomed = error;
      throw error;
    }
  }
}

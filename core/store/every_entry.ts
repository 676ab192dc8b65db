/** What lies in the segment files, entry by entry: for those who look into a repository rather than use it. */
import { asChunkId, type ChunkId } from "../bytes/mod.ts";
import { IntegrityError } from "../errors.ts";
import { log as emit } from "../report.ts";
import { TAG_DELETE, TAG_PUT } from "./segment_format.ts";
import type { Log } from "./state.ts";

/** An entry of a segment file as it lies there. */
export interface LowLevelEntry {
  readonly kind: "put" | "delete" | "commit";
  /** null for a commit. */
  readonly id: ChunkId | null;
  readonly segment: number;
  readonly offset: number;
  /** What a put stores; empty else. */
  readonly data: Uint8Array;
}

/**
 * Every entry of the segment files in their order, whatever became of it: committed or not, deleted or superseded. With
 * `segment`, and `offset`, only what is there. Damaged segments are reported and left. `data` is valid until the next entry.
 */
export function* everyEntry(
  { dir, reader, env }: Log,
  place: { segment?: number; offset?: number },
): Generator<LowLevelEntry> {
  for (const segment of dir.ascending()) {
    if (place.segment !== undefined && segment !== place.segment) continue;
    try {
      for (const { tag, id, offset, data } of reader.entries(segment, { verify: true })) {
        if (place.offset !== undefined && offset !== place.offset) continue;
        const kind = tag === TAG_PUT ? "put" : tag === TAG_DELETE ? "delete" : "commit";
        yield { kind, id: kind === "commit" ? null : asChunkId(id.slice()), segment, offset, data };
      }
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      emit(env.reporter, "ERROR", `Segment ${segment} is damaged (${error.message}): skipped`);
    }
  }
}

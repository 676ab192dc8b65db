/** What `delete --stats` and `prune --stats` print below the list. */
import type { DeletePlan } from "../core/archive/mod.ts";
import { DASHES, STATS_HEADER, statsLine, totalsLines, totalsOf } from "./repo_stats.ts";
import type { Session } from "./session.ts";

/** `quick` leaves out the totals of the repository. */
export async function deletedStats(
  session: Session,
  plan: DeletePlan,
  options: { quick: boolean; iec: boolean },
): Promise<string[]> {
  const { quick, iec } = options;
  const removed = [plan.originalSize, plan.compressedSize, plan.deduplicatedSize].map((size) => -size);
  const totals = quick ? [] : totalsLines(await totalsOf(session, plan.remaining), iec);
  return [DASHES, STATS_HEADER, statsLine("Deleted data:", removed, iec), ...totals, DASHES];
}

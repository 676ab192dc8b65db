/** The remote protocol's door: a repository at the other end of a pipe, and the server of one. */
export { RemoteStore } from "./client_store.ts";
export { type ConnectionOptions, RpcConnection } from "./connection.ts";
export { negotiate, openRemote, type OpenRemoteOptions, ServerVersion } from "./negotiate.ts";
export { limitRate, type RateLimitClock } from "./rate_limit.ts";
export type { IdSet, IdSets } from "./remote_ids.ts";
export { RemoteLog } from "./remote_log.ts";
export { type OpenRequest, serve, type ServeEnd, type ServerHost } from "./serve.ts";
export type { ServedStore } from "./server_methods.ts";
export { linkReader, type PathSource, type Restrictions } from "./restrict.ts";
export type { Transport } from "./transport.ts";

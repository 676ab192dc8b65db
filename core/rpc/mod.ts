/** borg's remote protocol: a store at the other end of a pipe. */
export { type OpenRequest, serve, type ServeEnd, type ServerHost } from "./serve.ts";
export type { ServedStore } from "./server_methods.ts";
export { linkReader, type PathSource, type Restrictions } from "./restrict.ts";
export type { Transport } from "./transport.ts";

/** What carries the protocol's bytes: a program's standard streams, or in tests two ends in memory. */
export interface Transport {
  /** What has arrived next, null at the end. The bytes are the caller's. Only one read at a time. */
  read(): Promise<Uint8Array | null>;
  /** The same to where the bytes are wanted: how many, 0 at the end. Absent where that would save nothing. */
  readInto?(into: Uint8Array): Promise<number>;
  /** Resolves when the system has taken all of `bytes`, which must not change until then. Calls keep their order. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more will be written; what the peer still says may be read. Safe to call twice. */
  close(): Promise<void>;
  /** The same towards a peer that does not keep to the protocol: it need not be waited for. */
  abort?(): Promise<void>;
}

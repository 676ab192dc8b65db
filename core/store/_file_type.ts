/** What kind of file `Stat.mode` tells of (POSIX <sys/stat.h>). The store takes nothing but types from platform. */

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

export const isFolder = (mode: number): boolean => (mode & S_IFMT) === S_IFDIR;

/** Alcove's own version, and the borg release whose interface it speaks. */
export const VERSION = "0.1.0";

/**
 * Front ends take the second word of `--version` for borg's version and decide by it what they may ask for (Vorta does),
 * so this is the version of the command line and protocol, not ours.
 */
export const BORG_VERSION = "1.4.5";

export const versionLine = (program: string): string => `${program} ${BORG_VERSION} (Alcove ${VERSION})`;

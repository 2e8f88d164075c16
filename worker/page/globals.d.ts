/** What the build puts in: see scripts/parts/page-build.ts. */

/** Address of the verifier's thread. */
declare const VERIFY_WORKER: string;
/** Address of the icon. */
declare const ICON: string;

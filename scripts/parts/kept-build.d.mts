/** Shapes of `kept-build.mjs`. */
export declare function keptBuild(
  kind: string,
  sources: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<string>;

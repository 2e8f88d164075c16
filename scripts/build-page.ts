/**
 * `npm run build-page`: the page's files, made from `worker/page/` into `build/page.txt`, which the worker carries.
 * Wrangler runs it before it bundles the worker (`[build]` in wrangler.toml), so a start and a deploy do the same.
 */
import { buildPage, describeSizes, writePage } from "./parts/page-build.ts";

const page = await buildPage();
await writePage(page);
console.log(describeSizes(page));

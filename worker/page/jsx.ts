/** What the build puts in front of JSX: `h(tag, props, ...children)` is a good deal shorter than calls with a member `children`. */
export { createElement as h, Fragment } from "preact";

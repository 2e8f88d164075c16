/** A link within the page: an ordinary one that may be copied or opened in a tab, followed without loading anything anew. */
import type { ComponentChildren, TargetedMouseEvent } from "preact";
import { go } from "../state/place.ts";

interface LinkProps {
  readonly href: string;
  readonly children: ComponentChildren;
  readonly class?: string | undefined;
  readonly title?: string | undefined;
  readonly "aria-current"?: "page" | "true" | undefined;
  readonly "aria-label"?: string | undefined;
}

export function Link({ children, ...rest }: LinkProps) {
  return (
    <a {...rest} onClick={follow}>
      {children}
    </a>
  );
}

function follow(event: TargetedMouseEvent<HTMLAnchorElement>): void {
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (!isPlain || event.altKey || event.defaultPrevented) return;
  event.preventDefault();
  const { pathname, search } = event.currentTarget;
  go(pathname + search);
}

/**
 * What is known of something, always as a word with a sign beside it. Four words speak of verification, and only what this
 * browser has checked itself is green.
 */
import type { ComponentChildren } from "preact";

export type Verified = "here" | "server" | "unchecked" | "wrong";

const WORDS: Readonly<Record<Verified, readonly [tone: Tone, words: string]>> = {
  here: ["good", "Verified here"],
  server: ["plain", "Server says"],
  unchecked: ["plain", "Not checked"],
  wrong: ["bad", "Does not match"],
};

export function VerifiedBadge({ is }: { readonly is: Verified }) {
  const [tone, words] = WORDS[is];
  return (
    <Badge tone={tone} sign={SIGN_OF[is]}>
      {words}
    </Badge>
  );
}

const SIGN_OF: Readonly<Record<Verified, string>> = {
  here: "✓",
  server: "“",
  unchecked: "○",
  wrong: "✕",
};

export type Tone = "good" | "plain" | "warn" | "bad";
const SIGNS: Readonly<Record<Tone, string>> = { good: "✓", plain: "·", warn: "!", bad: "✕" };

export function Badge({
  tone,
  sign,
  children,
}: {
  readonly tone: Tone;
  readonly sign?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <span class={`badge ${tone}`}>
      <span class="sign" aria-hidden="true">
        {sign ?? SIGNS[tone]}
      </span>
      {children}
    </span>
  );
}

/** One step of Try it: its number, whether it was done, what it does, and what came of it in the server's own words. */
import type { ComponentChildren } from "preact";
import { Badge } from "../parts/badge.tsx";
import { Failed } from "../parts/states.tsx";
import type { ApiProblem } from "../state/api.ts";

export interface StepProps {
  readonly number: number;
  readonly title: string;
  readonly state: "waits" | "now" | "done";
  readonly problem: ApiProblem | null;
  readonly children: ComponentChildren;
}

export function Step({ number, title, state, problem, children }: StepProps) {
  return (
    <li class={`step ${state}`} aria-current={state === "now" ? "step" : undefined}>
      <h2>
        <span class="step-number" aria-hidden="true">
          {number}
        </span>{" "}
        {title}{" "}
        {state === "done" && (
          <Badge tone="plain" sign="✓">
            done
          </Badge>
        )}
      </h2>
      {state === "waits" ? null : (
        <div class="step-body">
          {children}
          <Failed problem={problem} what="This step did not work" />
        </div>
      )}
    </li>
  );
}

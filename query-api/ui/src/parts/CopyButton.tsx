import { useEffect, useState } from "preact/hooks";
import { Icon } from "./Icon";

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState<"idle" | "done" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 1500);
    return () => clearTimeout(timer);
  }, [state]);
  const title =
    state === "done" ? "Copied" : state === "failed" ? "Cannot copy: not allowed here" : `Copy ${label}`;
  return (
    <button
      type="button"
      class="copy"
      aria-label={title}
      title={title}
      onClick={(event) => {
        event.stopPropagation();
        copyText(text).then(
          () => setState("done"),
          () => setState("failed"),
        );
      }}
    >
      <Icon name={state === "done" ? "check" : state === "failed" ? "close" : "copy"} />
    </button>
  );
}

/** The clipboard API needs https or localhost; elsewhere the old selection way still works. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("cannot copy: the browser refused");
}

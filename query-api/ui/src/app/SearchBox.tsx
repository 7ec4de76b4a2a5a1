import { useRef, useState } from "preact/hooks";
import { Icon } from "../parts/Icon";
import { usePageKeys } from "./keys";
import { correlationPath, tracePath, useHref, usePlace } from "./place";
import { jumpOf } from "./routes";

/** Takes an id or words and goes where they lead. */
export function SearchBox({ large = false }: { large?: boolean }) {
  const { navigate } = usePlace();
  const href = useHref();
  const [text, setText] = useState("");
  const input = useRef<HTMLInputElement>(null);
  usePageKeys({ "/": () => input.current?.select() }, large ? "page" : "app");
  const jump = jumpOf(text);
  const go = () => {
    if (jump === null) return;
    setText("");
    if (jump.kind === "trace") navigate(tracePath(jump.id));
    else if (jump.kind === "correlation") navigate(correlationPath(jump.id));
    else navigate(href("/logs", { q: jump.q }));
  };
  return (
    <form
      class={`search-box ${large ? "search-box-large" : ""}`}
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        value={text}
        spellcheck={false}
        autocomplete="off"
        aria-label="Trace id, correlation id or words in logs"
        placeholder={
          large
            ? "Paste a trace id or a correlation id, or search the logs"
            : "Trace id, correlation id, words"
        }
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && event.currentTarget.blur()}
      />
      {jump ? <span class="search-hint">↵ {destination(jump.kind)}</span> : <kbd>/</kbd>}
    </form>
  );
}

function destination(kind: "trace" | "correlation" | "logs"): string {
  return kind === "trace" ? "open trace" : kind === "correlation" ? "follow correlation id" : "search logs";
}

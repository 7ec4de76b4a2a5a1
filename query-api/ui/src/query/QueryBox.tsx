import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { usePageKeys } from "../app/keys";
import { visibleLine } from "../text/visible";
import { complete, partAt, type Signal, type Suggestion } from "./complete";
import { useSuggestions } from "./useSuggestions";

interface QueryBoxProps {
  value: string;
  onChange: (value: string) => void;
  signal: Signal;
  /** Suggest what this service has; empty for all. */
  service: string;
  placeholder: string;
}

/** The query of a search form, with fields and values to choose from: an ARIA combobox with a list. */
export function QueryBox({ value, onChange, signal, service, placeholder }: QueryBoxProps) {
  const input = useRef<HTMLInputElement>(null);
  const moved = useRef<number | null>(null);
  const id = useId();
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(-1);
  const part = caret === null ? null : partAt(value, caret);
  const options = useSuggestions(part, signal, service);
  const open = options.length > 0;
  const at = active < options.length ? active : -1;
  usePageKeys({ "/": () => input.current?.select() });
  useLayoutEffect(() => {
    if (moved.current !== null) input.current?.setSelectionRange(moved.current, moved.current);
    moved.current = null;
  }, [value]);

  const look = (box: HTMLInputElement) => {
    setCaret(box.selectionStart);
    setActive(-1);
  };
  const close = () => setCaret(null);
  const choose = (chosen: Suggestion) => {
    if (part === null) return;
    const done = complete(value, part, chosen);
    moved.current = done.caret;
    onChange(done.query);
    setActive(-1);
    // A field is followed by its value; after that, the next letter opens the list again.
    setCaret(part.field === null ? done.caret : null);
  };
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const wanted = options[at] ?? (event.key === "Tab" && part?.prefix ? options[0] : undefined);
    if (step !== 0 && !open) look(event.currentTarget);
    else if (step !== 0) setActive(((at + 1 + step + options.length + 1) % (options.length + 1)) - 1);
    else if (event.key === "Escape" && open) close();
    else if (open && wanted && !event.shiftKey && (event.key === "Tab" || event.key === "Enter"))
      choose(wanted);
    else {
      if (event.key === "Enter") close();
      return;
    }
    event.preventDefault();
  };
  return (
    <div class="query-box grow">
      <input
        ref={input}
        type="text"
        inputMode="search"
        name="q"
        value={value}
        spellcheck={false}
        autocomplete="off"
        placeholder={placeholder}
        aria-label="Query"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={open}
        aria-controls={`${id}-list`}
        aria-activedescendant={at >= 0 ? `${id}-${at}` : undefined}
        onInput={(event) => {
          onChange(event.currentTarget.value);
          look(event.currentTarget);
        }}
        onClick={(event) => caret !== null && look(event.currentTarget)}
        onKeyDown={onKeyDown}
        onBlur={close}
      />
      <div class="query-options" role="listbox" id={`${id}-list`} aria-label="Suggestions" hidden={!open}>
        {options.map((one, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys go to the combobox, which keeps the focus
          <div
            key={one.text}
            id={`${id}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => choose(one)}
          >
            <span>{visibleLine(one.label)}</span>
            <span class="muted">{one.note}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

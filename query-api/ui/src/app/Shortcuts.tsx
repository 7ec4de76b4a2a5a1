import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../parts/Icon";

const GROUPS: readonly { title: string; keys: readonly [string, string][] }[] = [
  {
    title: "Everywhere",
    keys: [
      ["/", "search"],
      ["?", "this list"],
      ["1 … 5", "services, traces, logs, map, status"],
      ["j k or ↓ ↑", "next and previous row"],
      ["Enter", "open the row"],
      ["r", "refresh"],
      ["z", "local time or UTC"],
      ["d", "dark or light"],
    ],
  },
  {
    title: "Trace",
    keys: [
      ["j k or ↓ ↑", "next and previous span"],
      ["← →", "collapse or go to the parent, expand or go to the first child"],
      ["Enter", "details"],
      ["Esc", "close the details"],
      ["/", "find"],
      ["n N", "next and previous match"],
      ["e c", "expand all, collapse to the roots and their children"],
      ["l", "log lines on or off"],
      ["0", "show the whole time"],
      ["Ctrl + wheel", "zoom; Shift + wheel moves"],
    ],
  },
];

export function Shortcuts({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a <dialog> by itself
    <dialog
      ref={dialog}
      class="shortcuts"
      aria-label="Keyboard shortcuts"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="shortcuts-inside">
        <button
          type="button"
          class="icon-button panel-close"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
        {GROUPS.map((group) => (
          <section key={group.title}>
            <h2>{group.title}</h2>
            <dl>
              {group.keys.map(([keys, meaning]) => (
                <div key={keys}>
                  <dt>
                    <kbd>{keys}</kbd>
                  </dt>
                  <dd>{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </dialog>
  );
}

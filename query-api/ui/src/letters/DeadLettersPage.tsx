import { useState } from "preact/hooks";
import { apiPath } from "../api/client";
import { usePages } from "../api/useResource";
import { usePlace } from "../app/place";
import { CompletenessBadge } from "../parts/Completeness";
import { Empty, Failure, Loading } from "../parts/states";
import { Text } from "../parts/Text";
import { useTitle } from "../parts/useTitle";
import { useRange } from "../time/RangeContext";
import { GroupPage as Group } from "./GroupPage";
import { GroupTable } from "./GroupTable";
import { History } from "./History";
import type { GroupPage, LetterGroup } from "./types";

/** Messages that could not be processed: what is wrong with them, and what can be done about it. */
export function DeadLettersPage() {
  useTitle("Dead letters");
  const { query } = usePlace();
  const group = query.get("group");
  return group ? <Group key={group} fingerprint={group} /> : <Groups />;
}

function Groups() {
  const { query } = usePlace();
  const { tick } = useRefreshes();
  const state = query.get("state");
  const groups = usePages<LetterGroup, GroupPage>(
    apiPath("/dead-letters/groups", { state, q: query.get("q"), limit: 100, v: tick || null }),
  );
  return (
    <>
      <div class="title-line">
        <h1>Dead letters</h1>
        <span class="muted">messages that could not be processed; their bytes are kept</span>
        <CompletenessBadge value={groups.first?.completeness} />
      </div>
      <Filters />
      {groups.error && <Failure error={groups.error} what="the dead letters" retry={groups.reload} />}
      {!groups.first && !groups.error && <Loading what="dead letters" />}
      {groups.first && groups.items.length === 0 && <Nothing watched={groups.first.topics} />}
      {groups.items.length > 0 && <GroupTable groups={groups.items} />}
      {groups.hasMore && (
        <button type="button" class="load-more" onClick={groups.loadMore} disabled={groups.loading}>
          Load more
        </button>
      )}
      <History version={tick} />
    </>
  );
}

/** The refresh key and button of the app reload this page too, though it shows letters of any age. */
function useRefreshes(): { tick: number } {
  const { params } = useRange();
  const [seen] = useState(() => new Map<string, number>());
  const mark = JSON.stringify(params);
  if (!seen.has(mark)) seen.set(mark, seen.size);
  return { tick: seen.get(mark) ?? 0 };
}

function Nothing({ watched }: { watched: Record<string, string> }) {
  const { query, update } = usePlace();
  if (query.get("q") || query.get("state"))
    return (
      <Empty title="No such dead letters">
        <button type="button" onClick={() => update({ q: null, state: null })}>
          Show all that are open
        </button>
      </Empty>
    );
  return (
    <Empty title="No dead letters">
      <p>Every message could be processed, or was sent again. Watched:</p>
      <p>
        <Text>{Object.keys(watched).join(", ")}</Text>
      </p>
      <p class="hint">
        Topics of your own applications join by the setting <code>dead_letter_topics</code>.
      </p>
    </Empty>
  );
}

function Filters() {
  const { query, update } = usePlace();
  const [q, setQ] = useState(query.get("q") ?? "");
  return (
    <form
      class="toolbar letter-filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        update({ q });
      }}
    >
      <input
        type="search"
        aria-label="Find in errors and previews"
        placeholder="Find in errors and previews"
        value={q}
        onInput={(event) => setQ(event.currentTarget.value)}
      />
      <label>
        State{" "}
        <select
          value={query.get("state") ?? ""}
          onChange={(event) => update({ state: event.currentTarget.value })}
        >
          <option value="">open: dead and parked</option>
          <option value="dead">dead</option>
          <option value="parked">parked</option>
          <option value="redriven">redriven</option>
          <option value="discarded">discarded</option>
        </select>
      </label>
    </form>
  );
}

-- The books are asked by arrival, and stand in order of offsets: both grow together, so that the bounds
-- of each granule find a window without a sorting key of its own. Costs nothing measurable at insert.
ALTER TABLE sightline_ledger {{ on_cluster }}
    ADD INDEX IF NOT EXISTS idx_received_at ReceivedAt TYPE minmax GRANULARITY 1;

-- Numbers missing from the sequences of the origins. Known are those that arrived, are dead letters, or
-- carry nothing (void, as their collector says); its reports also say where a sequence begins and how far
-- it had come. Each gap is decided by itself: what was numbered before a message that arrived before
-- `settled` should be in, so it is missing; else it may still be on its way. What a collector numbered
-- after its last report is unacknowledged: the next report decides, or nobody if the collector died.
-- `since` to `until` is read, so that the neighbours of a gap at an edge of the window are found.
WITH
    fromUnixTimestamp64Nano({since:Int64}) AS since,
    fromUnixTimestamp64Nano({until:Int64}) AS until,
    fromUnixTimestamp64Nano(transform(Signal, ['traces', 'logs', 'metrics'], {settled:Array(Int64)}, toInt64(0))) AS settled,
    reports AS (
        SELECT
            Attributes['signal'] AS Signal, ResourceAttributes['service.instance.id'] AS Origin,
            toUInt64(max(ifNull(IntValue, 0))) AS Settled,
            argMax(TimeUnix, (ifNull(IntValue, 0), -toUnixTimestamp64Nano(TimeUnix))) AS At,
            min(StartTimeUnix) AS Started
        FROM otel_metrics_sum
        WHERE ServiceName = 'sightline-collector' AND MetricName = 'sightline.collector.sequence'
          AND TimeUnix >= since AND TimeUnix < until
        GROUP BY Signal, Origin
        HAVING Settled > 0
    ),
    suspicious AS (
        SELECT Signal, Origin
        FROM (
            SELECT Signal, Origin, groupBitmap(Seq) AS Numbers, min(Seq) AS Lowest, max(Seq) AS Highest
            FROM sightline_ledger
            WHERE ReceivedAt >= since AND ReceivedAt < until AND Origin != '' AND Seq > 0
            GROUP BY Signal, Origin
        ) AS arrived
        FULL OUTER JOIN reports USING (Signal, Origin)
        WHERE Numbers != greatest(Highest, Settled) - if(Started >= since, 0, if(Lowest > 0, Lowest - 1, Settled))
    ),
    known AS (
        SELECT Signal, Origin, Seq AS First, Seq AS Last, min(ReceivedAt) AS At
        FROM sightline_ledger
        WHERE ReceivedAt >= since AND ReceivedAt < until AND (Signal, Origin) IN suspicious AND Seq > 0
        GROUP BY Signal, Origin, Seq
        UNION ALL
        SELECT Signal, Origin, Seq, Seq, ReceivedAt
        FROM sightline_dead_letters_now
        WHERE ReceivedAt >= since AND ReceivedAt < until AND (Signal, Origin) IN suspicious AND Seq > 0
          AND (State != 'redriven' OR StateTime >= settled)
        UNION ALL
        SELECT
            Attributes['signal'] AS Signal, ResourceAttributes['service.instance.id'] AS Origin,
            toUInt64OrZero(Attributes['first']), toUInt64OrZero(Attributes['last']), TimeUnix
        FROM otel_metrics_sum
        WHERE ServiceName = 'sightline-collector' AND MetricName = 'sightline.collector.void_messages'
          AND TimeUnix >= since AND TimeUnix < until AND (Signal, Origin) IN suspicious
        UNION ALL
        SELECT Signal, Origin, Settled + 1, Settled + 1, At FROM reports WHERE (Signal, Origin) IN suspicious
        UNION ALL
        SELECT Signal, Origin, 0, 0, Started FROM reports WHERE Started >= since AND (Signal, Origin) IN suspicious
    ),
    gaps AS (
        SELECT
            Signal AS signal, Origin AS origin, Before + 1 AS first, First - 1 AS last, First - Before - 1 AS messages,
            toUnixTimestamp64Nano(BeforeAt) AS after, toUnixTimestamp64Nano(At) AS before,
            multiIf(At >= settled, 'pending', First - 1 > Decided, 'unacknowledged', 'missing') AS state
        FROM (
            SELECT
                Signal, Origin, First, At,
                row_number() OVER ordered AS Position,
                max(Last) OVER (PARTITION BY Signal, Origin ORDER BY First, Last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS Before,
                lagInFrame(At) OVER ordered AS BeforeAt,
                if(reports.Settled > 0, reports.Settled, if(startsWith(Origin, 'collector-'), 0, toUInt64(-1))) AS Decided
            FROM known LEFT JOIN reports USING (Signal, Origin)
            WINDOW ordered AS (PARTITION BY Signal, Origin ORDER BY First, Last ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        )
        WHERE Position > 1 AND First > Before + 1
          AND At >= fromUnixTimestamp64Nano({start:Int64}) AND BeforeAt < fromUnixTimestamp64Nano({end:Int64})
    )
$select

-- What each collector said it did, in the window: the last cumulative count before `until`, less the last
-- one before `start`. One that began in the window counts from zero; so does what a collector that spoke
-- before the window names for the first time. Of one whose earlier counts are gone, only what it counted
-- between its reports in the window is known.
WITH fromUnixTimestamp64Nano({start:Int64}) AS begin
SELECT
    origin, signal, outcome, reason, service,
    multiIf(known_before, counted_before, began >= begin OR min(earliest) OVER (PARTITION BY origin) < begin, 0, counted_first) AS base,
    counted - base AS records,
    from, upto
FROM (
    SELECT
        ResourceAttributes['service.instance.id'] AS origin, Attributes['signal'] AS signal,
        Attributes['outcome'] AS outcome, Attributes['reason'] AS reason, Attributes['sightline.service'] AS service,
        toInt64(argMax(ifNull(IntValue, 0), TimeUnix)) AS counted,
        toInt64(argMin(ifNull(IntValue, 0), TimeUnix)) AS counted_first,
        toInt64(argMaxIf(ifNull(IntValue, 0), TimeUnix, TimeUnix < begin)) AS counted_before,
        min(TimeUnix) AS earliest,
        earliest < begin AS known_before,
        min(StartTimeUnix) AS began,
        toUnixTimestamp64Nano(if(known_before, maxIf(TimeUnix, TimeUnix < begin), began)) AS from,
        toUnixTimestamp64Nano(max(TimeUnix)) AS upto
    FROM otel_metrics_sum
    WHERE ServiceName = 'sightline-collector' AND MetricName = 'sightline.collector.records'
      AND TimeUnix >= begin - INTERVAL 7 DAY AND TimeUnix < fromUnixTimestamp64Nano({until:Int64})
    GROUP BY origin, signal, outcome, reason, service
    HAVING upto >= {start:Int64}
)

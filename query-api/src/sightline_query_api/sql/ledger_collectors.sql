-- What each collector said it did, in the window: the last cumulative count before `until`, less the last
-- one before `start`. One that began in the window counts from zero; of one whose earlier counts are gone,
-- only what it counted between its reports in the window is known.
WITH fromUnixTimestamp64Nano({start:Int64}) AS begin
SELECT
    ResourceAttributes['service.instance.id'] AS origin, Attributes['signal'] AS signal,
    Attributes['outcome'] AS outcome, Attributes['reason'] AS reason, Attributes['sightline.service'] AS service,
    toInt64(argMax(ifNull(IntValue, 0), TimeUnix)) AS counted,
    multiIf(
        countIf(TimeUnix < begin) > 0, toInt64(argMaxIf(ifNull(IntValue, 0), TimeUnix, TimeUnix < begin)),
        min(StartTimeUnix) >= begin, 0,
        toInt64(argMin(ifNull(IntValue, 0), TimeUnix))) AS base,
    counted - base AS records,
    toUnixTimestamp64Nano(if(countIf(TimeUnix < begin) > 0, maxIf(TimeUnix, TimeUnix < begin), min(StartTimeUnix))) AS from,
    toUnixTimestamp64Nano(max(TimeUnix)) AS upto
FROM otel_metrics_sum
WHERE ServiceName = 'sightline-collector' AND MetricName = 'sightline.collector.records'
  AND TimeUnix >= begin - INTERVAL 7 DAY AND TimeUnix < fromUnixTimestamp64Nano({until:Int64})
GROUP BY origin, signal, outcome, reason, service
HAVING upto >= {start:Int64}

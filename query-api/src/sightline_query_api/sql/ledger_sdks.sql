-- What the SDKs of each service say: OpenTelemetry's self-metrics, the last value before `until` less the
-- last one before `start`; what a process that spoke before `start` names for the first time counts from zero.
-- A process is told from another by its resource and the start of its counters.
WITH fromUnixTimestamp64Nano({start:Int64}) AS begin, fromUnixTimestamp64Nano({until:Int64}) AS until
SELECT
    service, signal, if(is_gauge AND reported < until - INTERVAL 5 MINUTE, 'gone', kind) AS what, reason,
    toInt64(sum(multiIf(delta, increments, is_gauge, latest, latest - base))) AS records,
    toInt64(sum(if(kind = 'sending', base, 0))) AS waiting_before,
    toUnixTimestamp64Nano(min(reported_from)) AS from, toUnixTimestamp64Nano(max(reported)) AS upto
FROM (
    SELECT
        ServiceName AS service,
        multiIf(position(MetricName, '.span.') > 0, 'traces', position(MetricName, '.log.') > 0, 'logs', 'metrics') AS signal,
        multiIf(
            MetricName = 'otel.sdk.span.started', if(Attributes['otel.span.sampling_result'] IN ('DROP', 'RECORD_ONLY'), 'sampled_out', ''),
            endsWith(MetricName, '.processed'), if(mapContains(Attributes, 'error.type'), 'dropped', ''),
            endsWith(MetricName, '.exported'), if(mapContains(Attributes, 'error.type'), 'dropped', 'delivered'),
            endsWith(MetricName, '.queue.size'), 'queued', 'sending') AS kind,
        kind IN ('queued', 'sending') AS is_gauge,
        if(kind = 'dropped', Attributes['error.type'], '') AS reason,
        any(AggregationTemporality) = 1 AS delta,
        sumIf(Value, TimeUnix >= begin) AS increments,
        argMax(Value, TimeUnix) AS latest,
        countIf(TimeUnix < begin) > 0 AS known_before,
        min(min(TimeUnix)) OVER (PARTITION BY ServiceName, ResourceAttributes, StartTimeUnix) < begin AS process_known,
        multiIf(known_before, argMaxIf(Value, TimeUnix, TimeUnix < begin), StartTimeUnix >= begin OR is_gauge OR process_known, 0., argMin(Value, TimeUnix)) AS base,
        multiIf(known_before, maxIf(TimeUnix, TimeUnix < begin), StartTimeUnix >= begin, StartTimeUnix, min(TimeUnix)) AS reported_from,
        max(TimeUnix) AS reported
    FROM otel_metrics_sum
    WHERE MetricName IN (
            'otel.sdk.span.started', 'otel.sdk.processor.span.processed', 'otel.sdk.processor.log.processed',
            'otel.sdk.processor.span.queue.size', 'otel.sdk.processor.log.queue.size',
            'otel.sdk.exporter.span.exported', 'otel.sdk.exporter.log.exported', 'otel.sdk.exporter.metric_data_point.exported',
            'otel.sdk.exporter.span.inflight', 'otel.sdk.exporter.log.inflight', 'otel.sdk.exporter.metric_data_point.inflight')
      AND TimeUnix >= begin - INTERVAL 1 HOUR AND TimeUnix < until
    GROUP BY service, MetricName, Attributes, ResourceAttributes, StartTimeUnix
    HAVING reported >= begin AND kind != ''
)
GROUP BY service, signal, what, reason

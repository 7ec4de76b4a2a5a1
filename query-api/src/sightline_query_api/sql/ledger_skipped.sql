-- Messages that the pipeline never got: the bus had removed them.
SELECT transform(Topic, ['otlp_spans', 'otlp_logs', 'otlp_metrics'], ['traces', 'logs', 'metrics'], '') AS signal,
       toInt64(sum(LastOffset - FirstOffset + 1)) AS messages, toUnixTimestamp64Nano(toDateTime64(max(SkippedAt), 9)) AS last
FROM sightline_gaps FINAL
WHERE Reason = 'expired'
  AND toDateTime64(SkippedAt, 9) >= fromUnixTimestamp64Nano({start:Int64}) AND toDateTime64(SkippedAt, 9) < fromUnixTimestamp64Nano({end:Int64})
GROUP BY signal
HAVING signal != ''

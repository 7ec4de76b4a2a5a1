-- Messages that the bus removed unread; they may be of any time that the bus held until then.
SELECT toUInt64(sum(LastOffset - FirstOffset + 1)) AS records
FROM sightline_gaps FINAL
WHERE transform(Topic, ['otlp_spans', 'otlp_logs', 'otlp_metrics'], ['traces', 'logs', 'metrics'], '') IN {signals:Array(String)}
  AND toUnixTimestamp64Milli(SkippedAt) >= intDiv({start:Int64}, 1000000)
  AND toUnixTimestamp64Milli(SkippedAt) - {held_ms:Int64} < intDiv({end:Int64}, 1000000)

-- What of the asked window stands outside the tables that answers are read from.
SELECT
    (
        SELECT count() FROM sightline_quarantine
        WHERE Signal IN {signals:Array(String)} AND ({service:String} = '' OR ServiceName = {service:String})
          AND ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
    ) AS quarantined,
    (
        SELECT count() FROM sightline_dead_letters_now
        WHERE Signal IN {signals:Array(String)} AND State != 'redriven'
          AND ({service:String} = '' OR empty(ServiceNames) OR has(ServiceNames, {service:String}))
          AND ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
    ) AS dead_letters,
    (
        SELECT sum(LastOffset - FirstOffset + 1) FROM sightline_gaps FINAL
        WHERE transform(Topic, ['otlp_spans', 'otlp_logs', 'otlp_metrics'], ['traces', 'logs', 'metrics'], '') IN {signals:Array(String)}
          AND toUnixTimestamp64Milli(SkippedAt) >= intDiv({start:Int64}, 1000000)
          AND toUnixTimestamp64Milli(SkippedAt) - {held_ms:Int64} < intDiv({end:Int64}, 1000000)
    ) AS skipped

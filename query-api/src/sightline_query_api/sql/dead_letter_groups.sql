-- Errors: letters that differ in nothing but numbers, names and times. The newest first.
SELECT * FROM (
    SELECT
        Fingerprint AS fingerprint, any(Topic) AS topic, any(DlqTopic) AS dlq_topic, any(Kind) AS kind, any(Signal) AS signal, any(Reason) AS reason,
        any(Exception) AS exception, any(Pattern) AS pattern, groupUniqArray(8)(Stage) AS stages, count() AS letters,
        countIf(State = 'dead') AS dead, countIf(State = 'parked') AS parked, countIf(State = 'redriven') AS redriven, countIf(State = 'discarded') AS discarded,
        countIf(DlqTimestamp > now64(3) - INTERVAL 10 MINUTE) / 10 AS per_minute, sum(Size) AS bytes, sum(Records) AS records,
        toUnixTimestamp64Nano(min(FirstSeen)) AS oldest, toUnixTimestamp64Milli(max(DlqTimestamp)) AS newest,
        arraySlice(arraySort(groupUniqArrayArray(8)(ServiceNames)), 1, 8) AS services,
        argMax(Id, (DlqTimestamp, Id)) AS sample_id, argMax(Message, (DlqTimestamp, Id)) AS sample_message, argMax(Preview, (DlqTimestamp, Id)) AS sample_preview,
        argMaxIf(TraceIds[1], (DlqTimestamp, Id), notEmpty(TraceIds)) AS sample_trace_id
    FROM sightline_dead_letters_now
    WHERE $selection
      AND ({q:String} = '' OR positionCaseInsensitiveUTF8(concat(Message, '\n', Preview, '\n', Reason, '\n', Exception), {q:String}) > 0)
    GROUP BY Fingerprint
)
WHERE (newest, fingerprint) < ({before_time:Int64}, {before_id:String})
ORDER BY newest DESC, fingerprint DESC
LIMIT {limit:UInt32}

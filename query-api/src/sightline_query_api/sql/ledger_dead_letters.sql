-- Dead letters by what became of them; a letter that does not declare its records counts as one.
SELECT
    Signal AS signal, if(length(ServiceNames) = 1, ServiceNames[1], '') AS service, State AS state, Reason AS reason,
    toInt64(count()) AS messages, toInt64(sum(greatest(1, Records))) AS records
FROM sightline_dead_letters_now
WHERE Kind = 'telemetry' AND Signal != ''
  AND ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
GROUP BY signal, service, state, reason

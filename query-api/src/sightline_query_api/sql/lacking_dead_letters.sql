-- Letters that are not sent again, of the asked service or of nobody knows which.
SELECT count() AS records
FROM sightline_dead_letters_now
WHERE Signal IN {signals:Array(String)} AND State != 'redriven'
  AND ({service:String} = '' OR empty(ServiceNames) OR has(ServiceNames, {service:String}))
  AND ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})

SELECT count() AS records
FROM sightline_quarantine
WHERE Signal = {signal:String} AND ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})

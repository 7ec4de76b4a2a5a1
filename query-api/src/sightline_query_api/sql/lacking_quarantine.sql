SELECT count() AS records
FROM sightline_quarantine
WHERE Signal IN {signals:Array(String)} AND ({service:String} = '' OR ServiceName = {service:String})
  AND ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})

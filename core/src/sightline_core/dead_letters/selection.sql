(empty({ids:Array(String)}) OR Id IN {ids:Array(String)})
    AND ({fingerprint:String} = '' OR Fingerprint = {fingerprint:String})
    AND ({topic:String} = '' OR Topic = {topic:String})
    AND ({service:String} = '' OR has(ServiceNames, {service:String}))
    AND ({reason:String} = '' OR Reason = {reason:String})
    AND DlqTimestamp >= fromUnixTimestamp64Nano({start:Int64}) AND DlqTimestamp < fromUnixTimestamp64Nano({end:Int64})
    AND State IN {states:Array(String)}

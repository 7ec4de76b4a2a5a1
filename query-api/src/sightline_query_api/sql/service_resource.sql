-- The resource of the newest span of a service within one minute, which the roll-up names.
SELECT mapKeys(ResourceAttributes) AS keys, mapValues(ResourceAttributes) AS values, ResourceAttributeTypes AS types
FROM $table
WHERE ServiceName = {service:String} AND Timestamp >= fromUnixTimestamp64Nano({from:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({to:Int64})
ORDER BY Timestamp DESC
LIMIT 1

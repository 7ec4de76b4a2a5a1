SELECT Key AS key, Scope AS scope, arrayStringConcat(arraySort(groupUniqArrayArray(Types))) AS types, sum(Count) AS count
FROM sightline_attribute_keys
WHERE Signal = {signal:String} AND Day >= toDate(fromUnixTimestamp64Nano({start:Int64})) AND Day <= toDate(fromUnixTimestamp64Nano({end:Int64}))
  AND startsWith(Key, {prefix:String}) AND $service
GROUP BY key, scope
ORDER BY count DESC, key, scope
LIMIT {limit:UInt32}

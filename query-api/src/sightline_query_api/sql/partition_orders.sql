SELECT Topic AS topic, Partition AS partition, argMax(Paused, OrderedAt) AS paused,
       argMax(Reason, OrderedAt) AS reason, argMax(Detail, OrderedAt) AS detail,
       argMax(OrderedBy, OrderedAt) AS ordered_by,
       toUnixTimestamp64Nano(toDateTime64(max(OrderedAt), 9)) AS ordered_at
FROM sightline_partition_orders
GROUP BY Topic, Partition
ORDER BY paused DESC, topic, partition
LIMIT 1000

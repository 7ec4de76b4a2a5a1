SELECT Topic AS topic, Partition AS partition, argMax(Paused, OrderedAt) AS paused,
       argMax(Reason, OrderedAt) AS reason, argMax(Detail, OrderedAt) AS detail
FROM sightline_partition_orders GROUP BY Topic, Partition

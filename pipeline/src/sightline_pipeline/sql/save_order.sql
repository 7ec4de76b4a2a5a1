-- The store's clock orders what several processes write.
INSERT INTO sightline_partition_orders
SELECT now64(6), {topic:String}, {partition:UInt32}, {paused:Bool}, {reason:String}, {detail:String}, {by:String}

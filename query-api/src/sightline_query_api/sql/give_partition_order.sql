-- The store's clock orders what several processes write.
INSERT INTO sightline_partition_orders
SELECT now64(6), {topic:String}, {partition:UInt32}, {paused:Bool}, 'operator', {note:String}, {ordered_by:String}

INSERT INTO sightline_gaps
SELECT fromUnixTimestamp64Milli({at:Int64}), {topic:String}, {partition:UInt32}, {first:UInt64}, {last:UInt64}, {reason:String}

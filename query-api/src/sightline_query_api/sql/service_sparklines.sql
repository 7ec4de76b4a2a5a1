-- Requests per bucket of the range, for the services of one page.
SELECT
    ServiceName AS service,
    intDiv(toUnixTimestamp(Time) - {first:UInt32}, {step:UInt32}) AS bucket,
    sum(Count) AS requests
FROM sightline_red_1m
WHERE Time >= toDateTime({first:UInt32}) AND Time < fromUnixTimestamp64Nano({end:Int64})
  AND SpanKind IN ('Server', 'Consumer') AND ServiceName IN {services:Array(String)}
GROUP BY service, bucket

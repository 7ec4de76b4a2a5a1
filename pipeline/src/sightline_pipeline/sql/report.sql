INSERT INTO sightline_component_status
SELECT * FROM format(JSONEachRow,
    'ReportedAt DateTime64(3), Component String, Instance String, Topic String, Partition UInt32, Version String, StartedAt DateTime64(3), HealthUrl String, State String, Reason String, PausedReason String, StoreBreaker String, BusBreaker String, LagMessages UInt64, LagSeconds Float64, OldestUncommittedSeconds Float64, LastStoredReceivedAt DateTime64(3), StoreDelaySeconds Float64, InsertsInFlight UInt32, Messages UInt64, Bytes UInt64, Retries UInt64, ReplayedBatches UInt64, GapsSkipped UInt64, DeadLettered UInt64',
    {rows:String})

-- Whether the store is inserting this batch. Read only after an insert failed.
SELECT count() > 0 AS found FROM system.processes WHERE Settings['insert_deduplication_token'] = {token:String}

-- Tables whose rows are kept for another time than is set. Roll-ups have a time of their own, 400 days.
SELECT
    name AS table,
    extract(engine_full, ' TTL (.+?) SETTINGS ') AS current,
    replaceRegexpOne(current, 'toIntervalDay\\(\\d+\\)', concat('toIntervalDay(', toString({days:UInt32}), ')')) AS wanted
FROM system.tables
WHERE database = currentDatabase() AND current LIKE '%toIntervalDay(%' AND current NOT LIKE '%toIntervalDay(400)%' AND current != wanted

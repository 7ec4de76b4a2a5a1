-- How far a redrive got, if it was begun.
SELECT
    Id AS id, toString(State) AS state, Total AS total, Failed AS failed, Problems AS problems, Ends AS ends, Version AS version,
    (SELECT uniqExact(LetterId) FROM sightline_dead_letter_events WHERE RedriveId = {id:String}) AS done
FROM sightline_redrives FINAL
WHERE Id = {id:String}

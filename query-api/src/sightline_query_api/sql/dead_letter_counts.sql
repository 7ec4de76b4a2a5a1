-- What a selection means, by where it would be sent.
SELECT Topic AS topic, count() AS letters, sum(Size) AS bytes
FROM sightline_dead_letters_now
WHERE $selection
GROUP BY topic ORDER BY topic

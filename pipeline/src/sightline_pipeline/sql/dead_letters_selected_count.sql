SELECT count() AS letters FROM sightline_dead_letters_now
WHERE $selection AND toUnixTimestamp64Nano(toDateTime64(DlqTimestamp, 9)) <= {asked:Int64}

-- How far each partition has been read.
SELECT
    toString(topic) AS topic,
    partition,
    next_offset,
    toUnixTimestamp64Milli(read_until) AS read_until,
    lag
FROM progress FINAL
ORDER BY topic, partition;

-- Marks a dead letter as sent again. Its bytes stay until they expire.
INSERT INTO dead_letters
(topic, partition, offset, line, reason, detail, received_at, raw, replayed_at, version)
SELECT
    topic, partition, offset, line, reason, detail, received_at, raw,
    fromUnixTimestamp64Milli({at:Int64}, 'UTC'), 1
FROM dead_letters FINAL
WHERE topic = {topic:String}
    AND partition = {partition:UInt32}
    AND offset = {offset:UInt64}
    AND line = {line:UInt32};

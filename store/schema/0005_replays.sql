-- What Toll would have said: estimates that were worked out afterwards, from what lay before their
-- moment. They are no part of what was issued, so that nobody takes them for it.

-- ORDER BY: one row per age; replaying an incident again replaces it.
CREATE TABLE IF NOT EXISTS replays
(
    incident String COMMENT 'Which incident',
    process LowCardinality(String) COMMENT 'Which process',
    measure LowCardinality(String) COMMENT 'Which measure of the process',
    age LowCardinality(String) COMMENT 'first, ten_minutes, cleared, hour_after',
    as_of DateTime64(3, 'UTC') COMMENT 'The moment it puts itself into',
    made_at DateTime64(3, 'UTC') COMMENT 'When it was worked out; the newest counts',
    body String COMMENT 'The whole estimate as JSON, without the draws' CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(made_at)
ORDER BY (incident, process, measure, age)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Estimates of past incidents as they would have been given live';

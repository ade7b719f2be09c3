-- Since when somebody is told of incidents: what Toll knew before is no news to them. Of several
-- assessors that see somebody at once the earliest counts, whatever the order of their writing.
-- ORDER BY: one row per subscriber.
CREATE TABLE IF NOT EXISTS subscribers
(
    subscriber String COMMENT 'Who is told, as notes call them',
    since SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'When an assessor first saw them in the file of subscriptions'
)
ENGINE = AggregatingMergeTree
ORDER BY subscriber
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Since when each subscriber is told of incidents';

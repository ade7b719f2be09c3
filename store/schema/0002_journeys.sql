-- The way of one business key through its statuses (lead times), and the first time of restamped ids.

-- Which streams are followed: those that a lead_time measure of the map reads.
CREATE TABLE IF NOT EXISTS journey_streams
(
    stream LowCardinality(String) COMMENT 'Which stream',
    registered_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it was first asked for'
)
ENGINE = ReplacingMergeTree
ORDER BY stream
COMMENT 'Streams whose keyed events are kept in journeys';

-- ORDER BY: a journey is what one key went through, so its rows lie together and are aggregated in
-- order; (id_hash, at) complete the identity of an event, so that repeats vanish and corrections
-- win by position, as in business_events. A repeat has the same key.
-- No TTL: a late delivery must find its placement although the raw events have expired.
CREATE TABLE IF NOT EXISTS journeys
(
    stream LowCardinality(String) COMMENT 'Which stream',
    key_hash UInt64 COMMENT 'The business key within the sorting key' CODEC(Delta, ZSTD(1)),
    id_hash UInt64 COMMENT 'The event''s id within the sorting key' CODEC(NONE),
    at DateTime64(3, 'UTC') COMMENT 'When it happened' CODEC(Delta, ZSTD(1)),
    status LowCardinality(String) COMMENT 'What happened to the key',
    key String COMMENT 'Business key, hashed unless declared plain' CODEC(ZSTD(1)),
    amount Nullable(Decimal(38, 9)) COMMENT 'Money the event carried' CODEC(ZSTD(1)),
    currency LowCardinality(String) COMMENT 'ISO 4217; empty without an amount',
    position UInt64 COMMENT 'Of two rows of one event the larger wins' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(position)
ORDER BY (stream, key_hash, id_hash, at)
COMMENT 'Every keyed event of the streams with lead times, kept for good; the first time of a status counts';

-- A view may fill this table, although none may count minutes: a repeat inserts the same row again,
-- and the same row counts once.
CREATE MATERIALIZED VIEW IF NOT EXISTS journeys_from_events TO journeys AS
SELECT
    stream,
    sipHash64(key) AS key_hash,
    sipHash64(id) AS id_hash,
    at,
    status,
    key,
    amount,
    currency,
    position
FROM business_events
WHERE key != '' AND stream IN (SELECT stream FROM journey_streams);

-- ORDER BY: lookups are for one stream and many ids; the hash comes first because ids may be long.
-- The first time stays: min() of what was ever written for an id.
-- TTL: an id is forgotten with the raw event it stands for (`event_ids_ttl`), a day later.
CREATE TABLE IF NOT EXISTS event_ids
(
    stream LowCardinality(String) COMMENT 'A stream that declares identity: id',
    id_hash UInt64 MATERIALIZED sipHash64(id) COMMENT 'The id within the sorting key' CODEC(NONE),
    id String COMMENT 'The producer''s id' CODEC(ZSTD(1)),
    at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) COMMENT 'The time under which the id is known',
    known_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT now64(3, 'UTC') COMMENT 'When it was written'
)
ENGINE = AggregatingMergeTree
ORDER BY (stream, id_hash, id)
TTL toDateTime(greatest(at, known_at)) + toIntervalSecond(7862400)
COMMENT 'First time of each id, for streams whose producer gives a retry a new time';

-- How long ids are known: a day longer than the raw events they stand for.
ALTER TABLE event_ids
MODIFY TTL toDateTime(greatest(at, known_at)) + toIntervalSecond({seconds:UInt32})
SETTINGS materialize_ttl_after_modify = 0;

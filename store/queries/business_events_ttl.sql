-- How long raw business events are kept. What is stored is judged by the new rule at its next merge.
ALTER TABLE business_events
MODIFY TTL toDateTime(greatest(at, received_at)) + toIntervalSecond({seconds:UInt32})
SETTINGS materialize_ttl_after_modify = 0;

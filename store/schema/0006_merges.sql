-- A busy ingester writes a part of 50,000 rows several times a second, a quiet one two small parts a
-- second. By default a handful of them is merged as soon as it is there, so that each row is written
-- again and again: a fifth of all work at full speed. Sixteen at a time write it less often; reads
-- with FINAL have a few more parts to go through.
ALTER TABLE business_events MODIFY SETTING min_parts_to_merge_at_once = 16;

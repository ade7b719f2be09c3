-- A report is issued once: of several inserts that carry its name, the store takes the first (see
-- `once` in store/clickhouse.py). The window is how many names it remembers: weeks of centuries.
ALTER TABLE reports MODIFY SETTING non_replicated_deduplication_window = 10000;

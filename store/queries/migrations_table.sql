-- Where the migrations are kept. Two processes that start at once write the same row twice.
CREATE TABLE IF NOT EXISTS schema_migrations
(
    name String COMMENT 'File name of the schema file',
    checksum String COMMENT 'SHA-256 of its text when it was applied',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When it was applied'
)
ENGINE = ReplacingMergeTree
ORDER BY (name, applied_at)
COMMENT 'Schema files that have been applied to this database';

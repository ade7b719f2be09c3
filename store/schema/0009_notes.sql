-- Notes to people that are on their way: when the next attempt is due, and which one is being made.
-- rank is two for each attempt that failed and one less while it is made: it only grows, so that of
-- two rows of a note the one that got further counts. The window lets the store take the first claim
-- of an attempt alone, whichever assessors claim it at once.
ALTER TABLE outbox
    ADD COLUMN IF NOT EXISTS due_at DateTime64(3, 'UTC') DEFAULT created_at
        COMMENT 'Before this no attempt is made' AFTER changed_at,
    MODIFY COLUMN state COMMENT 'pending, sending, sent, given_up',
    MODIFY COLUMN incident COMMENT 'Which incident; empty for a weekly report';

ALTER TABLE outbox MODIFY SETTING non_replicated_deduplication_window = 10000;

-- The generation of a recompute: the store's clock, read between its caller's insert and its own
-- read. Never below what these minutes already carry, should the clock have been set back.
SELECT greatest(
    toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
    (
        SELECT max(generation) + 1
        FROM minutes
        WHERE stream = {stream:String}
            AND minute >= toDateTime({start:Int64} / 1000, 'UTC')
            AND minute < toDateTime({stop:Int64} / 1000, 'UTC')
    )
) AS generation;

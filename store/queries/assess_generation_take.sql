-- The next generation: the store's clock, above every one before.
INSERT INTO assess_generations (generation, holder)
SELECT
    greatest(
        toUInt64(toUnixTimestamp64Nano(now64(9, 'UTC'))),
        (SELECT max(generation) + 1 FROM assess_generations)
    ),
    {holder:String};

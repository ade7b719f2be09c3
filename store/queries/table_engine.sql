-- The engine of a table with its TTL, as the store has it.
SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {name:String};

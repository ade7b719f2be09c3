-- Whether a database exists, so that a user who may not create one can still use it.
SELECT count() FROM system.databases WHERE name = {name:String};

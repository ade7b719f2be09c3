-- One fact about this store.
SELECT value FROM meta FINAL WHERE name = {name:String};

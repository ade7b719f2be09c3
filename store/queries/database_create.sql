-- The database of Toll.
CREATE DATABASE IF NOT EXISTS {name:Identifier};

"""Anybody's table of volumes as a regular series: CSV, TSV or Parquet, bins or single events."""

from api.table.bins import SeriesFile
from api.table.read import Reading, read_series
from api.table.times import moment_of

__all__ = ["Reading", "SeriesFile", "moment_of", "read_series"]

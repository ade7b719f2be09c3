"""The weekly report: what outages cost, for a reader without technical words."""

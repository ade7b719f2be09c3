"""Apache Kafka as the log, through kafka-python. Its only importer.

Kafka's errors become ours here. A broker that is away is no error for a consumer: `poll` comes
back empty and `healthy` says no, until it answers again. Connections are made when first needed,
so that Toll starts, and says what is wrong, with the brokers down.
"""

from ingest.kafka.consumer import KafkaLogConsumer
from ingest.kafka.log import KafkaLog
from ingest.kafka.producer import KafkaLogProducer

__all__ = ["KafkaLog", "KafkaLogConsumer", "KafkaLogProducer"]

"""Apache Kafka as the log, through confluent-kafka: where speed matters. Its only importer.

The same as `ingest.kafka` in every respect but the library, which is an optional extra. librdkafka
connects in the background by itself, so nothing here waits for a broker but `send`, `commit` and
`ensure_topics`, each for a bounded time.
"""

from ingest.confluent.consumer import ConfluentConsumer
from ingest.confluent.log import ConfluentLog
from ingest.confluent.producer import ConfluentProducer

__all__ = ["ConfluentConsumer", "ConfluentLog", "ConfluentProducer"]

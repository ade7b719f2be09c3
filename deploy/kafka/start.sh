#!/bin/sh
# Runs one Apache Kafka node in the foreground, on loopback. Needs Java 17 and, the first time, Maven.
#
#   KAFKA_PORT             where clients connect (9092)
#   KAFKA_CONTROLLER_PORT  where the node talks to itself (KAFKA_PORT + 1)
#   KAFKA_DATA             its data (data/ beside this file); survives restarts
#   KAFKA_OPTS             more options of the Java machine
#
# `start.sh --fetch` only fetches the jars.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
port=${KAFKA_PORT:-9092}
controller_port=${KAFKA_CONTROLLER_PORT:-$((port + 1))}
data=${KAFKA_DATA:-$here/data}

need() {
    command -v "$1" >/dev/null || {
        echo "start.sh: $1 is missing: install $2" >&2
        exit 127
    }
}

fetch() {
    [ -d "$here/libs" ] && return
    need mvn "Maven (package maven)"
    # Beside, then into place: half of the jars must not look like all of them.
    fresh=$here/target/libs.$$
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$fresh"
    if [ -d "$here/libs" ]; then rm -rf "$fresh"; else mv "$fresh" "$here/libs"; fi
}

kafka() {
    # Serial collector, first compiler only: small, and ready sooner.
    exec java -Xms128m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true \
        -Dlog4j2.configurationFile="$here/log4j2.properties" \
        ${KAFKA_OPTS:-} -cp "$here/libs/*" "$@"
}

need java "Java 17 or newer (package openjdk-17-jre-headless)"
fetch
[ "${1:-}" = "--fetch" ] && exit

mkdir -p "$data"
properties=$data/server.properties
sed -e "s|@PORT@|$port|g" -e "s|@CONTROLLER_PORT@|$controller_port|g" -e "s|@DATA@|$data|g" \
    "$here/server.properties" >"$properties"
if [ ! -e "$data/log/meta.properties" ]; then
    # 16 random bytes, written the way Kafka writes a UUID.
    cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' 'AA' | tr -d '=')
    (kafka kafka.tools.StorageTool format "--cluster-id=$cluster" --config "$properties") >/dev/null
fi
kafka kafka.Kafka "$properties"

#!/bin/sh
# Run once by the image of PostgreSQL, when its volume is empty.
set -eu
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres \
    -v dagster_password="$DAGSTER_PG_PASSWORD" -v owner_password="$OWNER_PASSWORD" \
    -v worker_password="$WORKER_PASSWORD" -v reader_password="$READER_PASSWORD" \
    -f /roles.sql

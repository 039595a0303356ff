-- The first version's tables and a row in each that later migrations change, as that version wrote them.
CREATE TABLE schema_migrations (name VARCHAR NOT NULL, ran_at TIMESTAMP NOT NULL);
INSERT INTO schema_migrations VALUES ('create_tables', '2026-11-20 12:00:00');
CREATE TABLE raw_roadmaps (
    roadmap VARCHAR NOT NULL, document VARCHAR NOT NULL, version VARCHAR NOT NULL, origin VARCHAR NOT NULL,
    source VARCHAR NOT NULL, fetched_at TIMESTAMP NOT NULL, vanished_at TIMESTAMP);
CREATE TABLE raw_contents (
    roadmap VARCHAR NOT NULL, topic_id VARCHAR NOT NULL, file VARCHAR NOT NULL, sha VARCHAR NOT NULL,
    markdown VARCHAR NOT NULL);
CREATE TABLE source_listings (
    source VARCHAR NOT NULL, etag VARCHAR NOT NULL, body VARCHAR NOT NULL, fetched_at TIMESTAMP NOT NULL);
CREATE TABLE parsed_roadmaps (
    roadmap VARCHAR NOT NULL, title VARCHAR NOT NULL, version VARCHAR NOT NULL, parser VARCHAR NOT NULL,
    counts JSON NOT NULL);
CREATE TABLE topics (
    roadmap VARCHAR NOT NULL, topic_id VARCHAR NOT NULL, position INTEGER NOT NULL, topic VARCHAR NOT NULL,
    category VARCHAR NOT NULL, subcategory VARCHAR NOT NULL, parent VARCHAR NOT NULL,
    parent_topic VARCHAR NOT NULL, path VARCHAR[] NOT NULL, description VARCHAR NOT NULL,
    resources STRUCT(title VARCHAR, url VARCHAR, type VARCHAR)[] NOT NULL);
CREATE TABLE enrichments (
    key VARCHAR NOT NULL, topic VARCHAR NOT NULL, answer JSON NOT NULL, profile VARCHAR NOT NULL,
    fingerprint VARCHAR NOT NULL, model VARCHAR NOT NULL, model_version VARCHAR NOT NULL,
    call_id VARCHAR NOT NULL, answered_at TIMESTAMP NOT NULL);
CREATE TABLE enrichment_failures (
    key VARCHAR NOT NULL, topic VARCHAR NOT NULL, profile VARCHAR NOT NULL, model VARCHAR NOT NULL,
    reason VARCHAR NOT NULL, last_error VARCHAR NOT NULL, attempts INTEGER NOT NULL, runs INTEGER NOT NULL,
    failed_at TIMESTAMP NOT NULL);
CREATE TABLE enrichment_leases (key VARCHAR NOT NULL, holder VARCHAR NOT NULL);
CREATE TABLE lease_holders (holder VARCHAR NOT NULL, expires_at TIMESTAMP NOT NULL);
CREATE TABLE api_calls (
    call_id VARCHAR NOT NULL, run_id VARCHAR NOT NULL, batch INTEGER NOT NULL, attempt INTEGER NOT NULL,
    rows INTEGER NOT NULL, answered INTEGER NOT NULL, outcome VARCHAR NOT NULL, detail VARCHAR NOT NULL,
    model VARCHAR NOT NULL, model_version VARCHAR NOT NULL, input_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, thought_tokens BIGINT NOT NULL,
    cost_usd DOUBLE, latency_s DOUBLE NOT NULL, started_at TIMESTAMP NOT NULL);
CREATE TABLE enriched_roadmaps (
    roadmap VARCHAR NOT NULL, topic_id VARCHAR NOT NULL, position INTEGER NOT NULL, topic VARCHAR NOT NULL,
    category VARCHAR NOT NULL, subcategory VARCHAR NOT NULL, parent VARCHAR NOT NULL,
    parent_topic VARCHAR NOT NULL, path VARCHAR[] NOT NULL, description VARCHAR NOT NULL,
    resources STRUCT(title VARCHAR, url VARCHAR, type VARCHAR)[] NOT NULL,
    status VARCHAR NOT NULL, profile VARCHAR NOT NULL, model VARCHAR NOT NULL, enrichment_key VARCHAR NOT NULL,
    published_at TIMESTAMP NOT NULL, tldr VARCHAR, challenge VARCHAR);

INSERT INTO raw_roadmaps VALUES ('r', '{}', 'v', 'here', 'github', '2026-11-20 12:00:00', NULL);
INSERT INTO topics VALUES
    ('r', 'a', 0, 'A "quoted"', 'C', '', 'B', '', ['C', 'B, really'], 'Text.',
     [{'title': 'It''s "one"', 'url': 'https://example.org/', 'type': 'article'}]),
    ('r', 'b', 1, 'B', '', '', '', '', [], '', []);
ALTER TABLE enriched_roadmaps ADD COLUMN "a ""profile""'s" BIGINT;
INSERT INTO enriched_roadmaps
SELECT *, 'enriched', 'p', 'm', 'key', '2026-11-20 12:00:00'::TIMESTAMP, 'TLDR', 'expert', 7 FROM topics;

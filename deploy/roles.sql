-- Two databases: Dagster's own, and the project's with three roles. The owner migrates, workers write, readers read.
-- psql -v dagster_password=… -v owner_password=… -v worker_password=… -v reader_password=… -f roles.sql
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE DATABASE dagster OWNER dagster;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;

CREATE ROLE roadmap_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE roadmap_worker LOGIN PASSWORD :'worker_password';
CREATE ROLE roadmap_reader LOGIN PASSWORD :'reader_password';
CREATE DATABASE roadmap OWNER roadmap_owner;
REVOKE ALL ON DATABASE roadmap FROM PUBLIC;
GRANT CONNECT ON DATABASE roadmap TO roadmap_worker, roadmap_reader;

\connect roadmap
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO roadmap_owner;
GRANT USAGE ON SCHEMA public TO roadmap_worker, roadmap_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE roadmap_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO roadmap_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE roadmap_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO roadmap_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE roadmap_owner IN SCHEMA public GRANT SELECT ON TABLES TO roadmap_reader;

"""Everything that knows SQL: one DuckDB database, shared safely between processes."""

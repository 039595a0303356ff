"""The limiter's tables and functions in PostgreSQL: a decision is one statement, taken under the lock of a scope's row.

The rules are those of `rules`, by the server's clock. What is counted in the window is kept in the scope's row, so that
a decision reads only the grants that leave the window. A function's name has a version: an older program that is still
running keeps its own.
"""

from __future__ import annotations

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS quota_scopes (
        scope VARCHAR PRIMARY KEY,
        seen_at DOUBLE PRECISION NOT NULL DEFAULT 0,
        requests BIGINT NOT NULL DEFAULT 0,
        input_tokens BIGINT NOT NULL DEFAULT 0,
        paused_until DOUBLE PRECISION NOT NULL DEFAULT 0,
        day DATE NOT NULL DEFAULT '-infinity',
        requests_today BIGINT NOT NULL DEFAULT 0,
        day_closed BIGINT NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS quota_grants (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        scope VARCHAR NOT NULL,
        granted_at DOUBLE PRECISION NOT NULL,
        input_tokens BIGINT NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS quota_grants_by_time ON quota_grants (scope, granted_at)",
)
"""Times are unix seconds; `day` is a day of Los Angeles, `day_closed` as in `rules.Standing`."""

STANDING = """
CREATE OR REPLACE FUNCTION quota_standing_1(the_scope VARCHAR, span DOUBLE PRECISION, at_time DOUBLE PRECISION)
RETURNS quota_scopes LANGUAGE plpgsql AS $$
DECLARE
    standing quota_scopes;
    gone_requests BIGINT;
    gone_tokens BIGINT;
BEGIN
    LOOP
        SELECT * INTO standing FROM quota_scopes WHERE scope = the_scope FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO quota_scopes (scope) VALUES (the_scope) ON CONFLICT DO NOTHING;
    END LOOP;
    -- Read under the lock, so that it orders the decisions; a clock that is set back frees no permit.
    standing.seen_at := greatest(standing.seen_at, coalesce(at_time, extract(epoch FROM clock_timestamp())));
    WITH gone AS (
        DELETE FROM quota_grants WHERE scope = the_scope AND granted_at <= standing.seen_at - span
        RETURNING input_tokens
    )
    SELECT count(*), coalesce(sum(input_tokens), 0) INTO gone_requests, gone_tokens FROM gone;
    standing.requests := standing.requests - gone_requests;
    standing.input_tokens := standing.input_tokens - gone_tokens;
    IF standing.day < CAST(to_timestamp(standing.seen_at) AT TIME ZONE 'America/Los_Angeles' AS DATE) THEN
        standing.day := CAST(to_timestamp(standing.seen_at) AT TIME ZONE 'America/Los_Angeles' AS DATE);
        standing.requests_today := 0;
        standing.day_closed := 0;
    END IF;
    RETURN standing;
END
$$
"""
"""A scope's row as of now, locked; the caller keeps what has changed. `at_time` replaces the clock in tests."""

KEEP = """
CREATE OR REPLACE FUNCTION quota_keep_1(standing quota_scopes) RETURNS VOID LANGUAGE sql AS $$
    UPDATE quota_scopes SET seen_at = standing.seen_at, requests = standing.requests,
        input_tokens = standing.input_tokens, paused_until = standing.paused_until, day = standing.day,
        requests_today = standing.requests_today, day_closed = standing.day_closed
    WHERE scope = standing.scope
$$
"""

REFRESH = """
CREATE OR REPLACE FUNCTION quota_refresh_1(the_scope VARCHAR, span DOUBLE PRECISION, at_time DOUBLE PRECISION)
RETURNS quota_scopes LANGUAGE plpgsql AS $$
DECLARE
    standing quota_scopes := quota_standing_1(the_scope, span, at_time);
BEGIN
    PERFORM quota_keep_1(standing);
    RETURN standing;
END
$$
"""
"""A scope's row as of now, locked and kept."""

ACQUIRE = """
CREATE OR REPLACE FUNCTION quota_acquire_1(
    the_scope VARCHAR, tokens BIGINT, rpm BIGINT, tpm BIGINT, rpd BIGINT, span DOUBLE PRECISION,
    spacing DOUBLE PRECISION, at_time DOUBLE PRECISION,
    OUT granted BIGINT, OUT seen_at DOUBLE PRECISION, OUT opens_at DOUBLE PRECISION, OUT reason VARCHAR
) LANGUAGE plpgsql AS $$
DECLARE
    standing quota_scopes := quota_standing_1(the_scope, span, at_time);
    oldest RECORD;
    requests_left BIGINT;
    tokens_left BIGINT;
    spaced_until DOUBLE PRECISION;
BEGIN
    seen_at := standing.seen_at;
    opens_at := standing.paused_until;
    reason := 'pause';
    IF standing.day_closed = 1 + rpd OR (0 < rpd AND rpd <= standing.requests_today) THEN
        opens_at := extract(epoch FROM CAST(standing.day + 1 AS TIMESTAMP) AT TIME ZONE 'America/Los_Angeles');
        reason := 'day';
        PERFORM quota_keep_1(standing);
        RETURN;
    END IF;
    IF spacing > 0 THEN
        SELECT max(granted_at) + spacing INTO spaced_until FROM quota_grants WHERE scope = the_scope;
        IF spaced_until > opens_at THEN
            opens_at := spaced_until;
            reason := 'pacing';
        END IF;
    END IF;
    requests_left := CASE WHEN rpm > 0 THEN standing.requests + 1 - rpm ELSE 0 END;
    tokens_left := CASE WHEN tpm > 0 THEN standing.input_tokens + tokens - tpm ELSE 0 END;
    IF requests_left > 0 OR tokens_left > 0 THEN
        FOR oldest IN
            SELECT granted_at, input_tokens FROM quota_grants WHERE scope = the_scope ORDER BY granted_at
        LOOP
            IF oldest.granted_at + span > opens_at THEN
                opens_at := oldest.granted_at + span;
                reason := CASE WHEN requests_left > 0 THEN 'requests' ELSE 'tokens' END;
            END IF;
            requests_left := requests_left - 1;
            tokens_left := tokens_left - oldest.input_tokens;
            EXIT WHEN requests_left <= 0 AND tokens_left <= 0;
        END LOOP;
    END IF;
    IF opens_at <= seen_at THEN
        INSERT INTO quota_grants (scope, granted_at, input_tokens) VALUES (the_scope, seen_at, tokens)
        RETURNING id INTO granted;
        standing.requests := standing.requests + 1;
        standing.input_tokens := standing.input_tokens + tokens;
        standing.requests_today := standing.requests_today + 1;
    END IF;
    PERFORM quota_keep_1(standing);
END
$$
"""
"""A grant, or when one is possible and what it waits for: the limit that takes longest, or the end of the day."""

SETTLE = """
CREATE OR REPLACE FUNCTION quota_settle_1(the_scope VARCHAR, the_grant BIGINT, difference BIGINT)
RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM quota_scopes WHERE scope = the_scope FOR UPDATE;
    UPDATE quota_grants SET input_tokens = input_tokens + difference WHERE id = the_grant;
    IF FOUND THEN
        UPDATE quota_scopes SET input_tokens = input_tokens + difference WHERE scope = the_scope;
    END IF;
END
$$
"""
"""Correct a grant that is still in the window."""

IS_CURRENT = "SELECT to_regprocedure('quota_settle_1(varchar, bigint, bigint)') IS NOT NULL"
CREATE = (*TABLES, STANDING, KEEP, REFRESH, ACQUIRE, SETTLE)

-- One row per audit event. Partitioned by the month of the event, so that retention drops tables instead of rows.
CREATE TABLE audit_events (
    event_id        uuid        NOT NULL,
    event_date      date        NOT NULL,
    event_timestamp timestamptz NOT NULL,
    version         text        NOT NULL,
    event_type      text        NOT NULL,
    event_category  text        NOT NULL,
    event_action    text        NOT NULL,
    event_outcome   text        NOT NULL CHECK (event_outcome IN ('success', 'failure', 'pending')),
    correlation_id  text        NOT NULL,
    actor_type      text,
    actor_id        text,
    resource_type   text,
    resource_id     text,
    namespace       text,
    duration_ms     bigint      CHECK (duration_ms >= 0),
    severity        text,
    event_data      jsonb       NOT NULL DEFAULT '{}',
    retention_days  integer     NOT NULL DEFAULT 2555,
    PRIMARY KEY (event_id, event_date)
) PARTITION BY RANGE (event_date);

CREATE INDEX audit_events_by_correlation ON audit_events (correlation_id, event_timestamp);
CREATE INDEX audit_events_by_type ON audit_events (event_type, event_timestamp);
CREATE INDEX audit_events_by_data ON audit_events USING gin (event_data jsonb_path_ops);

-- Makes the partition for the month of a day, unless it is there. The lock is for two instances that want the same month.
CREATE FUNCTION audit_events_ensure_month(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first     date := date_trunc('month', day)::date;
    partition text := 'audit_events_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('audit_events_ensure_month'));
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF audit_events FOR VALUES FROM (%L) TO (%L)',
        partition, first, (first + interval '1 month')::date);
END;
$$;

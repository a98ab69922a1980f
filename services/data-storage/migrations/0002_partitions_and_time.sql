-- The newest events, whatever else is asked for: without it every question that names no correlation id sorts the table.
CREATE INDEX audit_events_by_time ON audit_events (event_timestamp DESC, event_id DESC);

-- As before, but the partition is made apart and attached. CREATE … PARTITION OF locks the table against readers and
-- writers, and waits for those that are at it; ATTACH does not.
CREATE OR REPLACE FUNCTION audit_events_ensure_month(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first     date := date_trunc('month', day)::date;
    partition text := 'audit_events_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass(partition) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('audit_events_ensure_month'));
    -- Another may have made it while this one waited. The table is asked, because to_regclass remembers what it found.
    PERFORM FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'audit_events'::regclass AND relname = partition;
    IF FOUND THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE audit_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
    EXECUTE format('ALTER TABLE audit_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition, first, (first + interval '1 month')::date);
END;
$$;

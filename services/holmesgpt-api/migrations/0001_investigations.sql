-- What was asked and what was answered. Lives in the schema that the service's search_path names.
CREATE TABLE investigations (
    id             uuid        PRIMARY KEY,
    kind           text        NOT NULL CHECK (kind IN ('incident', 'recovery')),
    incident_id    text        NOT NULL,
    remediation_id text        NOT NULL,
    signal_type    text,
    request        jsonb       NOT NULL,
    answer         jsonb       NOT NULL,
    duration_ms    bigint      NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX investigations_by_remediation ON investigations (remediation_id, created_at);

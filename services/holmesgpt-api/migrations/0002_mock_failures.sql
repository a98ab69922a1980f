-- The incidents that the mock language model has failed once, as MOCK_HTTP_500_ONCE asks for. A table, so that "once"
-- holds for all replicas together and over restarts.
CREATE TABLE mock_failures (
    remediation_id text        NOT NULL,
    incident_id    text        NOT NULL,
    failed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (remediation_id, incident_id)
);

-- An id is one event's, whatever its day: a partitioned table can only have ids that are unique within a partition.
-- Who drops a partition deletes its days here.
CREATE TABLE audit_event_ids (
    event_id   uuid PRIMARY KEY,
    event_date date NOT NULL
);

INSERT INTO audit_event_ids SELECT event_id, min(event_date) FROM audit_events GROUP BY event_id;

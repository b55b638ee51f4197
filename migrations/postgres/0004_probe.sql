-- One prober per connection: when a connection that does not work is tried next, and how often it was since its state changed.
-- Null: nobody has planned it yet.
ALTER TABLE connection ADD COLUMN next_probe_at BIGINT;
ALTER TABLE connection ADD COLUMN probes BIGINT NOT NULL DEFAULT 0;

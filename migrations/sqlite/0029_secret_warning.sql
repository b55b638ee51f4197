-- How soon before its end the last warning of a credential was: 60, 30, 14, 7 or 1 days; null: none yet. A new credential starts anew.
ALTER TABLE connection ADD COLUMN warned_days INTEGER;

CREATE INDEX connection_expiry ON connection (secret_expires_at);

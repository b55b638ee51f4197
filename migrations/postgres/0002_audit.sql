-- The audit chain. Triggers refuse what an accident or an injected statement could do; who owns the tables can drop them, and
-- `audit verify` finds that out.

-- personal: the commitments, a JSON array of [field, hex digest] in order.
CREATE TABLE audit (
    org TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    personal TEXT NOT NULL,
    correlation_id TEXT,
    graph_request_id TEXT,
    previous BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (org, seq)
);

-- Facts that name a person; rows may be deleted (erasure), never changed.
CREATE TABLE audit_personal (
    org TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    salt BYTEA NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (org, seq, field)
);

CREATE TABLE audit_head (
    org TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION audit_continue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit WHERE org = NEW.org AND seq >= NEW.seq)
        OR (NEW.seq = 1 AND NOT EXISTS (SELECT 1 FROM audit_head WHERE org = NEW.org AND seq = 0 AND hash = NEW.previous))
        OR (NEW.seq <> 1 AND NOT EXISTS (
            SELECT 1 FROM audit WHERE org = NEW.org AND seq = NEW.seq - 1 AND hash = NEW.previous))
    THEN
        RAISE EXCEPTION 'an audit entry must continue its chain' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('the audit trail is append-only');
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('the audit trail is append-only');
CREATE TRIGGER audit_continues BEFORE INSERT ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_continue();

CREATE TRIGGER audit_personal_no_update BEFORE UPDATE ON audit_personal
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('personal facts may be erased, not changed');

CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_head
    FOR EACH ROW WHEN (NEW.org <> OLD.org OR NEW.seq <= OLD.seq)
    EXECUTE FUNCTION audit_refuse('the head of a chain only moves forward');
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('the head of a chain stays');
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('the head of a chain stays');

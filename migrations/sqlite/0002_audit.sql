-- The audit chain. Triggers refuse what an accident or an injected statement could do; who owns the file can drop them, and
-- `audit verify` finds that out.

-- personal: the commitments, a JSON array of [field, hex digest] in order.
CREATE TABLE audit (
    org TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    personal TEXT NOT NULL,
    correlation_id TEXT,
    graph_request_id TEXT,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (org, seq)
) STRICT, WITHOUT ROWID;

-- Facts that name a person; rows may be deleted (erasure), never changed.
CREATE TABLE audit_personal (
    org TEXT NOT NULL,
    seq INTEGER NOT NULL,
    field TEXT NOT NULL,
    salt BLOB NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (org, seq, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_head (
    org TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- Delete triggers do not fire for INSERT OR REPLACE, so the insert itself must continue the chain.
CREATE TRIGGER audit_continues BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE org = NEW.org AND seq >= NEW.seq)
  OR (NEW.seq = 1 AND NOT EXISTS (SELECT 1 FROM audit_head WHERE org = NEW.org AND seq = 0 AND hash = NEW.previous))
  OR (NEW.seq <> 1 AND NOT EXISTS (SELECT 1 FROM audit WHERE org = NEW.org AND seq = NEW.seq - 1 AND hash = NEW.previous))
BEGIN SELECT RAISE(ABORT, 'an audit entry must continue its chain'); END;

CREATE TRIGGER audit_personal_no_update BEFORE UPDATE ON audit_personal
BEGIN SELECT RAISE(ABORT, 'personal facts may be erased, not changed'); END;
CREATE TRIGGER audit_personal_no_replace BEFORE INSERT ON audit_personal
WHEN EXISTS (SELECT 1 FROM audit_personal WHERE org = NEW.org AND seq = NEW.seq AND field = NEW.field)
BEGIN SELECT RAISE(ABORT, 'personal facts may be erased, not changed'); END;

CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_head
WHEN NEW.org <> OLD.org OR NEW.seq <= OLD.seq
BEGIN SELECT RAISE(ABORT, 'the head of a chain only moves forward'); END;
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head
BEGIN SELECT RAISE(ABORT, 'the head of a chain stays'); END;
CREATE TRIGGER audit_head_no_replace BEFORE INSERT ON audit_head
WHEN EXISTS (SELECT 1 FROM audit_head WHERE org = NEW.org)
BEGIN SELECT RAISE(ABORT, 'the head of a chain only moves forward'); END;

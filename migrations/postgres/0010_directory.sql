-- The directory: who is there, in which groups, and what that makes of them. Everything is known by Microsoft's object ids.

-- One row an organisation: whoever plans or applies locks it first, so that imports of users, of groups and changes of mappings follow one
-- another. epoch: the connection's, when an import last ended; another one means another directory.
CREATE TABLE directory_state (
    org TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

-- What was imported before: the whole directory or one department, all security groups or some. Scopes add up.
-- distrusted: its delta link was refused; the absences of its next import wait for approval.
CREATE TABLE directory_scope (
    org TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('users', 'groups')),
    department TEXT,
    department_key TEXT COLLATE "C",
    group_ids TEXT,
    guests BIGINT NOT NULL CHECK (guests IN (0, 1)),
    transitive BIGINT NOT NULL CHECK (transitive IN (0, 1)),
    delta_link TEXT,
    delta_at BIGINT,
    distrusted BIGINT NOT NULL CHECK (distrusted IN (0, 1)),
    imported_at BIGINT,
    next_import_at BIGINT,
    PRIMARY KEY (org, scope)
);

-- Keys are lower-case, made by us: SQLite's own LOWER knows ASCII alone. search_key: display name, principal name and mail.
-- revision rises with every change but last_seen_at; access_revision with every change of the roles.
CREATE TABLE directory_user (
    org TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    user_principal_name TEXT NOT NULL,
    upn_key TEXT COLLATE "C" NOT NULL,
    display_name TEXT,
    mail TEXT,
    department TEXT,
    department_key TEXT COLLATE "C",
    job_title TEXT,
    search_key TEXT COLLATE "C" NOT NULL,
    guest BIGINT NOT NULL CHECK (guest IN (0, 1)),
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled')),
    disabled_reason TEXT CHECK (disabled_reason IN ('absent', 'account-disabled', 'out-of-scope')),
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    access_revision BIGINT NOT NULL,
    PRIMARY KEY (org, object_id)
);

CREATE INDEX directory_user_upn ON directory_user (org, upn_key);
CREATE INDEX directory_user_department ON directory_user (org, department_key, object_id);
CREATE INDEX directory_user_status ON directory_user (org, status, object_id);

-- transitive: whether the groups in it count as well.
CREATE TABLE directory_group (
    org TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT,
    search_key TEXT COLLATE "C" NOT NULL,
    transitive BIGINT NOT NULL CHECK (transitive IN (0, 1)),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled')),
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (org, object_id)
);

-- Direct members. Microsoft reports no others in a delta, so what follows from nesting is computed from these.
CREATE TABLE directory_member (
    org TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    member_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('user', 'group')),
    PRIMARY KEY (org, group_id, member_id)
);

CREATE INDEX directory_member_of ON directory_member (org, member_id, group_id);
-- The few that are groups themselves: what nesting is followed by.
CREATE INDEX directory_member_nested ON directory_member (org, group_id, member_id) WHERE kind = 'group';

-- Who was seen through which scope: absence is judged among these alone.
CREATE TABLE directory_seen (
    org TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, scope, object_id)
);

CREATE INDEX directory_seen_by ON directory_seen (org, object_id, scope);

CREATE TABLE role_mapping (
    org TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    set_by TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    PRIMARY KEY (org, group_id, role)
);

-- What the mappings give to whom; group_id is the mapped group, in which the person is directly or by nesting.
CREATE TABLE directory_grant (
    org TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, object_id, role, group_id)
);

CREATE INDEX directory_grant_of ON directory_grant (org, group_id, role, object_id);

-- An import under way or waiting for approval; its rows in the staged_ tables are what it read and, once planned, its exact plan.
-- epoch: the connection's that it reads by. whole: everything of the scope was read, so that who was not found is missing.
-- planned: the plan stands, and waits for approval.
CREATE TABLE directory_import (
    org TEXT COLLATE "C" NOT NULL,
    operation_id TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    guests BIGINT NOT NULL CHECK (guests IN (0, 1)),
    transitive BIGINT NOT NULL CHECK (transitive IN (0, 1)),
    whole BIGINT NOT NULL CHECK (whole IN (0, 1)),
    delta_link TEXT,
    delta_at BIGINT,
    planned BIGINT NOT NULL CHECK (planned IN (0, 1)),
    PRIMARY KEY (org, operation_id)
);

-- found: 'listed' in the answer pages, 'looked' up one by one, 'gone' by Microsoft's own word.
CREATE TABLE staged_user (
    org TEXT COLLATE "C" NOT NULL,
    operation_id TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    found TEXT COLLATE "C" NOT NULL CHECK (found IN ('listed', 'looked', 'gone', 'missing')),
    user_principal_name TEXT NOT NULL,
    upn_key TEXT COLLATE "C" NOT NULL,
    display_name TEXT,
    mail TEXT,
    department TEXT,
    department_key TEXT COLLATE "C",
    job_title TEXT,
    search_key TEXT COLLATE "C" NOT NULL,
    guest BIGINT NOT NULL CHECK (guest IN (0, 1)),
    enabled BIGINT NOT NULL CHECK (enabled IN (0, 1)),
    action TEXT COLLATE "C",
    base_revision BIGINT,
    status TEXT COLLATE "C",
    disabled_reason TEXT,
    PRIMARY KEY (org, operation_id, object_id)
);

-- members: 'whole' when its staged members are all it has, 'changes' when they are what changed, 'none' when they were not read.
CREATE TABLE staged_group (
    org TEXT COLLATE "C" NOT NULL,
    operation_id TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    found TEXT COLLATE "C" NOT NULL CHECK (found IN ('listed', 'nested', 'gone', 'missing')),
    display_name TEXT NOT NULL,
    description TEXT,
    search_key TEXT COLLATE "C" NOT NULL,
    members TEXT COLLATE "C" NOT NULL CHECK (members IN ('whole', 'changes', 'none')),
    action TEXT COLLATE "C",
    base_revision BIGINT,
    status TEXT COLLATE "C",
    PRIMARY KEY (org, operation_id, object_id)
);

CREATE TABLE staged_member (
    org TEXT COLLATE "C" NOT NULL,
    operation_id TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    member_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('user', 'group')),
    removed BIGINT NOT NULL CHECK (removed IN (0, 1)),
    PRIMARY KEY (org, operation_id, group_id, member_id)
);

CREATE INDEX staged_member_nested ON staged_member (org, operation_id, group_id, member_id) WHERE kind = 'group';

-- What the mappings would give once the plan is applied. operation_id '' is a change of mappings, inside its one transaction.
CREATE TABLE staged_grant (
    org TEXT COLLATE "C" NOT NULL,
    operation_id TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org, operation_id, object_id, role, group_id)
);

-- Whose roles change with that, and whether any is lost.
CREATE TABLE staged_access (
    org TEXT COLLATE "C" NOT NULL,
    operation_id TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL,
    loses BIGINT NOT NULL CHECK (loses IN (0, 1)),
    PRIMARY KEY (org, operation_id, object_id)
);

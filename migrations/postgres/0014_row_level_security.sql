-- The second line: a statement that forgot its organisation finds and writes nothing of anybody else's.
--
-- Each transaction is told whose rows it is for (`argus.organisation`: names with commas between, or * for the loops, which claim over all
-- organisations). Untold it is for nobody. Superusers and roles with BYPASSRLS are not held to it; the service says so when it starts.

-- Puts every table with an organisation under it, those of later migrations as well: it is called after each migration run. FORCE binds
-- the owner too, so that it holds where one role does everything. The sub-selects make Postgres read the setting once a statement
-- and not once a row.
CREATE FUNCTION argus_secure() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    unsecured regclass;
BEGIN
    -- Several replicas may migrate at once.
    PERFORM pg_advisory_xact_lock(hashtext('argus_secure'));
    FOR unsecured IN
        SELECT c.oid::regclass FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org' AND NOT a.attisdropped
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
            AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'organisation')
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', unsecured);
        EXECUTE format($policy$CREATE POLICY organisation ON %s USING (
            (SELECT current_setting('argus.organisation', true)) = '*'
            OR org = ANY ((SELECT string_to_array(current_setting('argus.organisation', true), ','))::text[]))$policy$, unsecured);
    END LOOP;
END $$;

-- Lets the service's role in: it reads and writes rows and changes no table. The trail it may only continue, and erase what is held aside.
CREATE FUNCTION argus_admit_service(service name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ours record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('argus_secure'));
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), service);
    FOR ours IN
        SELECT c.oid::regclass AS name, CASE c.relname
            WHEN '_sqlx_migrations' THEN 'SELECT'
            WHEN 'audit' THEN 'SELECT, INSERT'
            WHEN 'audit_head' THEN 'SELECT, INSERT, UPDATE'
            WHEN 'audit_personal' THEN 'SELECT, INSERT, DELETE'
            ELSE 'SELECT, INSERT, UPDATE, DELETE' END AS rights
        FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
            AND c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    LOOP
        EXECUTE format('GRANT %s ON %s TO %I', ours.rights, ours.name, service);
    END LOOP;
END $$;

-- Lets a role in that reads every organisation's audit trail and nothing else.
CREATE FUNCTION argus_admit_auditor(auditor name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    trail regclass;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('argus_secure'));
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), auditor);
    FOREACH trail IN ARRAY ARRAY['audit', 'audit_head', 'audit_personal']::regclass[] LOOP
        EXECUTE format('GRANT SELECT ON %s TO %I', trail, auditor);
    END LOOP;
END $$;

SELECT argus_secure();

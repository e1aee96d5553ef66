\set ON_ERROR_STOP on
SELECT 'CREATE ROLE mlflow LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mlflow') \gexec
GRANT mlflow TO CURRENT_USER;
SELECT 'CREATE DATABASE ' || name || ' OWNER mlflow' FROM unnest(ARRAY['mlflow', 'mlflow_auth']) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
-- The server logs every statement like the next one, and SET log_statement is for superusers, which RDS has none of. \password reads
-- the password twice, from standard input where there is no terminal, and sends a SCRAM verifier in its place.
SET password_encryption TO 'scram-sha-256';
\password mlflow

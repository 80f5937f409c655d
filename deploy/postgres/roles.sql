-- Roles of the service: app_owner owns the database and migrates it, app serves requests and can
-- change neither tables nor audit entries. To be run once by an administrator of the server, with
-- both passwords in the environment, before the first `app db upgrade`:
--
--   POSTGRES_OWNER_PASSWORD=... POSTGRES_SERVICE_PASSWORD=... psql --file=roles.sql postgres
--
-- docker compose runs it when it initialises the volume. What app may do with which table,
-- `app db upgrade` grants after each migration (app/db/grants.py). For other names, all three:
--   --set=database=shop --set=owner=shop_owner --set=service=shop
\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database app
  \set owner app_owner
  \set service app
\endif
\getenv owner_password POSTGRES_OWNER_PASSWORD
\getenv service_password POSTGRES_SERVICE_PASSWORD

CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"service" LOGIN PASSWORD :'service_password';
-- Administrators of managed servers are no superusers, and give databases only to roles of theirs.
GRANT :"owner" TO CURRENT_USER;
CREATE DATABASE :"database" OWNER :"owner";
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO :"service";

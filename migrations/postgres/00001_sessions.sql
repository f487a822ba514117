-- +goose Up
create table {{table}} (
    id uuid primary key,
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    rotated_at timestamptz,
    data jsonb not null check (jsonb_typeof(data) = 'object'),
    version bigint not null,
    owner text,
    idle_timeout_ms bigint,
    absolute_timeout_ms bigint,
    created_at timestamptz not null,
    expires_at timestamptz not null
) with (fillfactor = 80);

create index "{{name}}_expires_at_idx" on {{table}} (expires_at);

create index "{{name}}_owner_idx" on {{table}} (owner) where owner is not null;

-- +goose Down
drop table {{table}};

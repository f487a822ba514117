-- +goose Up
create table {{table}} (
    id uuid primary key,
    secret_hash bytea not null check (octet_length(secret_hash) = 32),
    version bigint not null,
    created_at timestamptz not null,
    accessed_at timestamptz not null default now(),
    expires_at timestamptz not null,
    realm text,
    owner text,
    tag text,
    idle_timeout_ms bigint,
    absolute_timeout_ms bigint,
    persistence smallint,
    authenticated_at timestamptz,
    rotated_at timestamptz,
    former_hashes bytea,
    device bytea,
    data json not null check (json_typeof(data) = 'object')
) with (fillfactor = 80);

create index "{{name}}_expires_at_idx" on {{table}} (expires_at);

create index "{{name}}_owner_idx" on {{table}} (owner, realm) where owner is not null;

create index "{{name}}_tag_idx" on {{table}} (tag, realm) where tag is not null;

-- +goose Down
drop table {{table}};
